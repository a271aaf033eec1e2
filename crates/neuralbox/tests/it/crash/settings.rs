//! The settings that all processes share.

use super::order::{JOB_TIMEOUT_MS, JOBS, MEDIA_TIMEOUT_MS, TEXT_TIMEOUT_MS};
use crate::installation::Installation;
use sandbox::Sandbox;

/// Real vendors and a real payment service, as far as our processes can tell, with little time for everything.
pub(super) fn settings(installation: Installation, sandbox: &Sandbox, url: &str) -> Installation {
    let mut installation = installation
        .with("NEURALBOX__SERVER__PUBLIC_URL", url)
        .with("NEURALBOX__SERVER__SCRATCH_DIR", "scratch")
        .with("NEURALBOX__AUTH__SECRET", "a secret of the tests, which nobody needs")
        .with("NEURALBOX__PAYMENTS__YOOKASSA__SHOP_ID", "100500")
        .with("NEURALBOX__PAYMENTS__YOOKASSA__SECRET_KEY", "test_sandbox")
        .with("NEURALBOX__GENERATION__JOB_TIMEOUT_MS", &JOB_TIMEOUT_MS.to_string())
        .with("NEURALBOX__GENERATION__ANSWER_TIMEOUT_MS__TEXT", &TEXT_TIMEOUT_MS.to_string());
    for category in ["IMAGE", "VIDEO", "MUSIC", "TTS"] {
        let name = format!("NEURALBOX__GENERATION__ANSWER_TIMEOUT_MS__{category}");
        installation = installation.with(&name, &MEDIA_TIMEOUT_MS.to_string());
    }
    for model in JOBS {
        let name = model.to_uppercase().replace(['-', '.'], "_");
        let name = format!("NEURALBOX__MODELS__{name}__JOB_TIMEOUT_MS");
        installation = installation.with(&name, &JOB_TIMEOUT_MS.to_string());
    }
    let yookassa = sandbox.base_url("yookassa").expect("a payment service of the sandbox's");
    installation = installation.with("NEURALBOX__PAYMENTS__YOOKASSA__BASE_URL", &yookassa);
    for vendor in sandbox::vendors() {
        let base_url = sandbox.base_url(vendor).expect("a vendor of the sandbox's");
        let name = format!("NEURALBOX__PROVIDERS__{}", vendor.to_uppercase());
        installation = installation.with(&format!("{name}__API_KEY"), "sandbox");
        installation = installation.with(&format!("{name}__BASE_URL"), &base_url);
    }
    installation
}
