//! The catalog as configuration leaves it.

use super::{
    ModelSettings, Settings, SettingsError,
    ranges::{self, GENERATION_MS},
};
use domain::catalog::{Catalog, Mode, Model, Sources};
use std::path::Path;

/// The built-in catalog, or the operator's files in its place, with the settings of single models on top.
///
/// # Errors
/// Names the setting, or the file, row and field.
pub(crate) fn catalog(settings: &Settings) -> Result<Catalog, SettingsError> {
    let built_in = Sources::default();
    let files = &settings.catalog;
    let models = text("catalog.models", files.models.as_deref(), built_in.models)?;
    let plans = text("catalog.plans", files.plans.as_deref(), built_in.plans)?;
    let packages = text("catalog.packages", files.packages.as_deref(), built_in.packages)?;
    let sources = Sources { models: &models, plans: &plans, packages: &packages };
    let mut catalog =
        Catalog::parse(&sources).map_err(|error| SettingsError::bad("catalog", error.to_string()))?;
    for (name, model) in &settings.models {
        let slug = catalog.models().iter().find(|model| normal(&model.slug) == normal(name));
        let slug = slug.map(|model| model.slug.clone());
        let row = slug.and_then(|slug| catalog.model_mut(&slug));
        let row =
            row.ok_or_else(|| SettingsError::bad(format!("models.{name}"), "there is no such model"))?;
        apply(row, name, model)?;
    }
    check_vendors(settings, &catalog)?;
    Ok(catalog)
}

fn text(setting: &str, file: Option<&Path>, built_in: &str) -> Result<String, SettingsError> {
    match file {
        None => Ok(built_in.to_owned()),
        Some(path) => std::fs::read_to_string(path)
            .map_err(|error| SettingsError::bad(setting, format!("{}: {error}", path.display()))),
    }
}

/// A slug as the environment can spell it: `gpt-5.2` is `GPT_5_2` there.
fn normal(slug: &str) -> String {
    slug.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect()
}

fn apply(row: &mut Model, name: &str, settings: &ModelSettings) -> Result<(), SettingsError> {
    if let Some(upstream) = &settings.upstream {
        row.override_upstream(upstream.clone());
    }
    if let Some(params) = &settings.upstream_params {
        row.upstream.params.clone_from(params);
    }
    if let Some(version) = &settings.version {
        row.upstream.params.insert("version".to_owned(), version.clone());
    }
    let times = [("timeout_ms", settings.timeout_ms), ("job_timeout_ms", settings.job_timeout_ms)];
    for (field, ms) in times.into_iter().filter_map(|(field, ms)| Some((field, ms?))) {
        ranges::within(format!("models.{name}.{field}"), ms, &GENERATION_MS)?;
    }
    if settings.job_timeout_ms.is_some() && row.mode != Mode::Async {
        return Err(SettingsError::bad(
            format!("models.{name}.job_timeout_ms"),
            "is for models that run as jobs",
        ));
    }
    row.timeout_ms = settings.timeout_ms.or(row.timeout_ms);
    row.job_timeout_ms = settings.job_timeout_ms.or(row.job_timeout_ms);
    if let Some(voices) = &settings.voices {
        row.override_voices(voices.clone())
            .map_err(|message| SettingsError::bad(format!("models.{name}.voices"), message))?;
    }
    let mut limits = row.limits;
    limits.max_input_chars = settings.max_input_chars.or(limits.max_input_chars);
    limits.max_output_tokens = settings.max_output_tokens.or(limits.max_output_tokens);
    limits.max_audio_s = settings.max_audio_s.or(limits.max_audio_s);
    row.override_limits(limits)
        .map_err(|wrong| SettingsError::bad(format!("models.{name}.{}", wrong.limit), wrong.message))
}

/// A provider that no model names is a slip of the pen.
fn check_vendors(settings: &Settings, catalog: &Catalog) -> Result<(), SettingsError> {
    let is_known = |name: &str| catalog.models().iter().any(|model| model.vendor == name);
    match settings.providers.keys().find(|name| !is_known(name)) {
        Some(name) => {
            Err(SettingsError::bad(format!("providers.{name}"), "no model of the catalog names it"))
        }
        None => Ok(()),
    }
}
