//! From a client's request to a priced order; nothing is held or called yet.

use super::GenerateRequest;
use crate::{App, Caller, Error, sell::read_params};
use domain::{
    catalog::{Category, Purpose, VendorPrice},
    id::{AccountId, GenerationId, KeyId},
    params::FieldError,
    port::{Call, Input},
    pricing,
};

/// What is to be held and called.
pub(super) struct Order {
    pub(super) account_id: AccountId,
    pub(super) key_id: KeyId,
    pub(super) model_slug: String,
    pub(super) price_tokens: i64,
    pub(super) vendor_price: Option<VendorPrice>,
    /// The words of the request, for its record.
    pub(super) prompt: Option<String>,
    pub(super) call: Call,
}

impl App {
    /// Reads a request: the model exists, the parameters are right, the plan covers it, and it can be used now.
    pub(super) async fn read_order(&self, caller: &Caller, request: GenerateRequest) -> Result<Order, Error> {
        let model = self.model(&request.model)?;
        if model.category == Category::Stt {
            let error = FieldError::new("model", "speech to text is asked for at POST /stt");
            return Err(Error::Validation(vec![error]));
        }
        let (read, stream) = read_params(model, request.params, Purpose::Generate);
        let params = match read {
            Ok(params) if request.errors.is_empty() => params,
            read => {
                let errors = request.errors.into_iter().chain(read.err().into_iter().flatten());
                return Err(Error::Validation(errors.collect()));
            }
        };
        if !self.catalog().plan_covers(&caller.plan, &model.min_plan) {
            let (required_plan, plan) = (model.min_plan.clone(), caller.plan.clone());
            return Err(Error::InsufficientPlan { required_plan, plan });
        }
        if let Some(reason) = self.availability(model).reason() {
            return Err(Error::ModelUnavailable { model: model.slug.clone(), reason });
        }
        let quote = pricing::quote(model, &params, 1);
        let quote = quote.ok_or_else(|| Error::Internal(format!("{} has no price", model.slug)))?;
        Ok(Order {
            account_id: caller.account_id,
            key_id: caller.key_id,
            model_slug: model.slug.clone(),
            price_tokens: quote.token_cost,
            vendor_price: model.vendor_price,
            prompt: params.subject(),
            call: Call {
                generation_id: GenerationId(self.storage().next_id().await?),
                vendor: model.vendor.clone(),
                upstream: model.upstream.clone(),
                input: Input::Text(model.text_input(&params)),
                stream,
                timeout_ms: model.timeout_ms.unwrap_or(self.inner.settings.call_timeout_ms),
            },
        })
    }
}
