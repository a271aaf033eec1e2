//! `/webhooks/{id}/deliveries`

use super::read_id;
use crate::{
    error::ApiError,
    extract::{Authenticated, NoBody, PathName, PathNames},
    openapi::{Id, Operation, Time},
    query::{Page, QueryFields},
};
use app::{App, DeliveryRecord, MAX_DELIVERIES_DEPTH, message_id};
use axum::{Json, extract::State, http::StatusCode, response::IntoResponse};
use domain::{id::DeliveryId, time::Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(as = Deliveries)]
struct DeliveriesBody {
    items: Vec<DeliveryBody>,
    /// 10,000 at most.
    total: u64,
    /// Whether there are more than `total`; there if so.
    #[serde(skip_serializing_if = "is_false")]
    #[schema(required = false)]
    total_capped: bool,
    page: u64,
    limit: u64,
    pages: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_false(value: &bool) -> bool {
    !*value
}

/// An event on its way to an endpoint.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
struct DeliveryBody {
    #[schema(value_type = Id)]
    id: DeliveryId,
    /// As in the header `webhook-id`.
    webhook_id: String,
    r#type: Option<String>,
    /// `pending`, `succeeded` or `failed`.
    status: &'static str,
    attempts: i64,
    /// The HTTP status by which the last attempt was answered.
    response_status: Option<i64>,
    /// How the last attempt failed.
    error: Option<String>,
    #[schema(value_type = Time)]
    created_at: Timestamp,
    #[schema(value_type = Option<Time>)]
    last_attempt_at: Option<Timestamp>,
    #[schema(value_type = Option<Time>)]
    next_attempt_at: Option<Timestamp>,
}

impl From<DeliveryRecord> for DeliveryBody {
    fn from(record: DeliveryRecord) -> Self {
        Self {
            id: record.id,
            webhook_id: message_id(record.event_id),
            r#type: record.event_type,
            status: record.status.name(),
            attempts: record.attempts,
            response_status: record.response_status,
            error: record.error,
            created_at: record.created_at,
            last_attempt_at: record.last_attempt_at,
            next_attempt_at: record.next_attempt_at,
        }
    }
}

pub(crate) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathName(id): PathName,
    mut query: QueryFields,
) -> Result<impl IntoResponse, ApiError> {
    let asked = Page::read(&mut query, MAX_DELIVERIES_DEPTH);
    query.finish()?;
    let Page { page, limit } = asked;
    let found = app.deliveries(&caller, read_id(&id)?, asked.offset(), limit).await?;
    Ok(Json(DeliveriesBody {
        items: found.deliveries.into_iter().map(DeliveryBody::from).collect(),
        total: found.total,
        total_capped: found.is_capped,
        page,
        limit,
        pages: found.total.div_ceil(limit),
    }))
}

pub(crate) async fn redeliver(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    PathNames([id, delivery_id]): PathNames<2>,
    _: NoBody,
) -> Result<impl IntoResponse, ApiError> {
    let delivery_id = delivery_id.parse().map(DeliveryId).map_err(|_| ApiError::not_found("delivery"))?;
    let again = app.redeliver(&caller, read_id(&id)?, delivery_id).await?;
    Ok((StatusCode::ACCEPTED, Json(DeliveryBody::from(again))))
}

fn example() -> Value {
    json!({
        "id": 92, "webhook_id": "msg_18473", "type": "generation.completed", "status": "pending", "attempts": 2,
        "response_status": 503, "error": "the answer was status 503", "created_at": "2026-11-22T12:00:02Z",
        "last_attempt_at": "2026-11-22T12:00:07Z", "next_attempt_at": "2026-11-22T12:00:35Z",
    })
}

pub(crate) fn list_operation() -> Operation {
    let page = json!({ "type": "integer", "minimum": 1, "maximum": MAX_DELIVERIES_DEPTH, "default": 1 });
    let limit = json!({ "type": "integer", "minimum": 1, "maximum": Page::MAX_LIMIT, "default": Page::DEFAULT_LIMIT });
    Operation::new("List what was sent to a webhook")
        .about("The newest first; kept for 30 days.")
        .query("page", "Which page.", page)
        .query("limit", "Deliveries on a page.", limit)
        .answers::<DeliveriesBody>(
            200,
            "A page of them.",
            json!({ "items": [example()], "total": 1, "page": 1, "limit": 20, "pages": 1 }),
        )
        .refuses(&["validation_error"])
}

pub(crate) fn redeliver_operation() -> Operation {
    Operation::new("Send something once more")
        .no_body()
        .about("From the start and at once, whatever became of it, under the same `webhook-id`.")
        .answers::<DeliveryBody>(202, "The delivery as it now stands.", example())
        .refuses(&["limited_key"])
}
