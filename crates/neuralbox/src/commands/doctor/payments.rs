//! Whether people can pay, and whether we hear of it.

use super::{Finding, Level, finding};
use crate::settings::Settings;
use domain::{billing::Money, catalog::Catalog, port::PaymentMethod};
use payments::PaymentsSettings;
use providers::leads_to_private;
use secrecy::ExposeSecret;

/// Stars that Telegram takes for one order.
const MAX_STARS: i64 = 10_000;

pub(super) fn findings(settings: &Settings, catalog: &Catalog, is_private: bool) -> Vec<Finding> {
    let payments = &settings.payments;
    let mut findings = Vec::new();
    findings.extend(half_a_bot(payments));
    if !PaymentMethod::ALL.into_iter().any(|method| payments.is_configured(method)) {
        let message =
            "no service is configured: nobody can buy a plan or a package; docs/billing.md says how";
        findings.push(finding(Level::Note, "payments", message));
    }
    if is_private {
        findings.extend(unheard(payments));
    }
    if payments.is_configured(PaymentMethod::TelegramStars) {
        findings.extend(too_dear(catalog, payments.telegram.kopecks_per_star));
    }
    findings
}

/// A bot without the secret of its webhook, or the other way round. (Half a shop at `YooKassa` stops the start.)
fn half_a_bot(payments: &PaymentsSettings) -> Option<Finding> {
    let is_empty = |secret: &secrecy::SecretString| secret.expose_secret().is_empty();
    let telegram = &payments.telegram;
    let (missing, message) = match (is_empty(&telegram.bot_token), is_empty(&telegram.webhook_secret)) {
        (false, true) => (
            "payments.telegram.webhook_secret",
            "is not set, and so Stars are not taken; a bot for signing in alone stands in auth.telegram_bot_token",
        ),
        (true, false) => ("payments.telegram.bot_token", "is not set, and so Stars are not taken"),
        _ => return None,
    };
    Some(finding(Level::Warning, missing, message))
}

/// Services that are to tell of payments, which they cannot where the public URL is private and they are not.
fn unheard(payments: &PaymentsSettings) -> Vec<Finding> {
    let services = [
        (
            PaymentMethod::Yookassa,
            "payments.yookassa",
            &payments.yookassa.base_url,
            "cannot notify while server.public_url is private: payments are only asked after, and tokens come later",
        ),
        (
            PaymentMethod::TelegramStars,
            "payments.telegram",
            &payments.telegram.base_url,
            "cannot ask before a payment while server.public_url is private: nobody can pay in Stars",
        ),
    ];
    let is_unheard = |method, url: &str| payments.is_configured(method) && !leads_to_private(url);
    let unheard = services.into_iter().filter(|(method, _, url, _)| is_unheard(*method, url));
    unheard.map(|(_, about, _, message)| finding(Level::Warning, about, message)).collect()
}

/// Plans and packages that cost more Stars than Telegram takes.
fn too_dear(catalog: &Catalog, kopecks_per_star: i64) -> Vec<Finding> {
    let plans = catalog.plans().iter().map(|plan| (format!("plan {}", plan.slug), plan.price));
    let packages =
        catalog.packages().iter().map(|package| (format!("package {}", package.slug), package.price));
    let stars = |price: i64| Money::in_stars(price.saturating_mul(100), kopecks_per_star).amount_minor;
    let items = plans.chain(packages).map(|(about, price)| (about, stars(price)));
    let too_dear = items.filter(|(_, stars)| *stars > MAX_STARS);
    let finding_of = |(about, stars): (String, i64)| {
        let message = format!(
            "costs {stars} Stars at payments.telegram.kopecks_per_star = {kopecks_per_star}, and Telegram takes {MAX_STARS} at \
             most: it cannot be paid in Stars"
        );
        finding(Level::Warning, about, message)
    };
    too_dear.map(finding_of).collect()
}
