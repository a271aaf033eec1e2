//! The payment services.

mod telegram;
mod yookassa;

pub use telegram::Telegram;
pub use yookassa::Yookassa;

use crate::{adapter::Adapter, settings::PaymentsSettings};
use domain::port::PaymentMethod;

/// The adapter of a method.
pub(crate) fn adapter(method: PaymentMethod, settings: &PaymentsSettings) -> Box<dyn Adapter> {
    match method {
        PaymentMethod::Yookassa => Box::new(Yookassa::new(settings.yookassa.clone())),
        PaymentMethod::TelegramStars => Box::new(Telegram::new(settings.telegram.clone())),
    }
}
