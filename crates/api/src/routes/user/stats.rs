//! `GET /user/stats`

use crate::{error::ApiError, extract::AnyPlan, openapi::Operation};
use app::{App, UsageStats, Used};
use axum::{Json, extract::State, response::IntoResponse};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

/// What an account has completed.
#[derive(Serialize, ToSchema)]
#[schema(as = Stats)]
struct StatsBody {
    total_generations: i64,
    /// NeuralBox tokens.
    tokens_spent_total: i64,
    breakdown: BreakdownBody,
    /// Today and the 29 days before, in UTC.
    recent_30d: RecentBody,
}

/// The same by what was made.
#[derive(Serialize, ToSchema)]
#[schema(as = StatsBreakdown)]
struct BreakdownBody {
    text: UsedBody,
    image: UsedBody,
    video: UsedBody,
    /// Music, and speech both ways.
    audio: UsedBody,
    tools: UsedBody,
}

#[derive(Serialize, ToSchema)]
#[schema(as = StatsUsed)]
struct UsedBody {
    count: i64,
    tokens: i64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = StatsRecent)]
struct RecentBody {
    generations: i64,
    tokens_spent: i64,
}

impl From<Used> for UsedBody {
    fn from(used: Used) -> Self {
        Self { count: used.generations, tokens: used.tokens }
    }
}

impl From<UsageStats> for StatsBody {
    fn from(stats: UsageStats) -> Self {
        Self {
            total_generations: stats.total.generations,
            tokens_spent_total: stats.total.tokens,
            breakdown: BreakdownBody {
                text: stats.text.into(),
                image: stats.image.into(),
                video: stats.video.into(),
                audio: stats.audio.into(),
                tools: stats.tools.into(),
            },
            recent_30d: RecentBody {
                generations: stats.recent.generations,
                tokens_spent: stats.recent.tokens,
            },
        }
    }
}

pub(crate) async fn show(
    State(app): State<App>,
    AnyPlan(caller): AnyPlan,
) -> Result<impl IntoResponse, ApiError> {
    Ok(Json(StatsBody::from(app.usage(&caller).await?)))
}

pub(crate) fn operation() -> Operation {
    let nothing = json!({ "count": 0, "tokens": 0 });
    Operation::new("Show what was generated, in sum")
        .about("Completed generations only, and all of them up to now.")
        .answers::<StatsBody>(
            200,
            "The sums.",
            json!({
                "total_generations": 3, "tokens_spent_total": 11,
                "breakdown": {
                    "text": { "count": 2, "tokens": 6 }, "image": { "count": 1, "tokens": 5 }, "video": nothing,
                    "audio": nothing, "tools": nothing,
                },
                "recent_30d": { "generations": 1, "tokens_spent": 5 },
            }),
        )
}
