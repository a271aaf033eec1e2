//! Files that go in, and the one that comes out.

use super::{Attempt, Failure, bad_result, order::placeholder};
use crate::commands::Error;
use app::{MAX_INPUT_BYTES, result_kind};
use domain::{
    media::{InputFile, MediaCall, ProductFile},
    params::ParamSpec,
    port::{FetchLimits, Provider},
};
use media::{Inspected, MediaError};
use providers::{FetchError, Fetcher};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

/// The field of speech to text that brings the sound.
const AUDIO: &str = "audio";

/// The result, where it was put.
pub(super) struct Saved {
    pub(super) path: PathBuf,
    pub(super) bytes: u64,
    pub(super) inspected: Inspected,
}

impl Attempt<'_> {
    /// The files of `call`, given by path or by address.
    pub(super) async fn inputs(&self, call: &MediaCall) -> Result<BTreeMap<String, InputFile>, Error> {
        let mut inputs = BTreeMap::new();
        for (name, path) in &self.arguments.files {
            inputs.insert(name.clone(), self.input_by_path(call, name, path).await?);
        }
        for name in self.file_fields().filter(|name| *name != AUDIO) {
            if let Some(url) = call.params.text(name).filter(|_| !inputs.contains_key(name)) {
                inputs.insert(name.to_owned(), self.input_by_url(name, url).await?);
            }
        }
        if self.is_speech_to_text() && inputs.is_empty() {
            return Err(Error::Other(format!("{} needs --file audio=PATH", self.model.slug)));
        }
        Ok(inputs)
    }

    /// The fields that take a file.
    fn file_fields(&self) -> impl Iterator<Item = &str> {
        let params = self.model.params.iter().filter(|(_, spec)| matches!(spec, ParamSpec::Url { .. }));
        let audio = self.is_speech_to_text().then_some(AUDIO);
        params.map(|(name, _)| name.as_str()).chain(audio)
    }

    async fn input_by_path(&self, call: &MediaCall, name: &str, path: &str) -> Result<InputFile, Error> {
        let fields: Vec<&str> = self.file_fields().collect();
        if !fields.contains(&name) {
            let (slug, fields) = (&self.model.slug, fields.join(", "));
            return Err(Error::Other(format!("{slug} takes no file as {name} (it takes: {fields})")));
        }
        // The sandbox fetches nothing, so any address will do for it.
        let url = self.client.wants_url(call, name).then(|| placeholder(name));
        if url.is_some() && !self.arguments.sandbox {
            let vendor = &self.model.vendor;
            let message = format!("{vendor} fetches {name} itself: give its address, as --param {name}=URL");
            return Err(Error::Other(message));
        }
        input(name, Path::new(path), url).await
    }

    async fn input_by_url(&self, name: &str, url: &str) -> Result<InputFile, Error> {
        let path = self.scratch().join(name);
        let fetched = self.fetch(url, MAX_INPUT_BYTES, true, &path).await;
        fetched.map_err(|error| Error::Other(format!("{name} cannot be fetched: {error}")))?;
        input(name, &path, Some(url.to_owned())).await
    }

    async fn fetch(
        &self,
        url: &str,
        max_bytes: u64,
        allow_private: bool,
        path: &Path,
    ) -> Result<(), FetchError> {
        let fetcher = Fetcher::new(self.settings.fetch.clone())?;
        fetcher.fetch(url, FetchLimits { max_bytes, allow_private }, path).await
    }

    /// Puts the result where it is wanted, once it is found to be what the model makes. It stays as the vendor made it.
    pub(super) async fn save(&self, file: ProductFile) -> Result<Saved, Failure> {
        let path = self.scratch().join("result");
        let path = match file {
            ProductFile::Path(path) => path,
            ProductFile::Bytes(bytes) => {
                tokio::fs::write(&path, bytes).await?;
                path
            }
            ProductFile::Url(url) => {
                self.report.note("the result is fetched from the vendor");
                let max_bytes = self.settings.client.max_result_bytes;
                let allow_private = self.client.is_private(&self.model.vendor);
                let fetched = self.fetch(&url, max_bytes, allow_private, &path).await;
                fetched.map_err(|error| bad_result(error.to_string()))?;
                path
            }
        };
        let inspected = inspect(&path).await.map_err(|error| bad_result(error.to_string()))?;
        if inspected.media_type.kind() != result_kind(self.model.category) {
            let content_type = inspected.media_type.content_type();
            return Err(bad_result(format!("the result is {content_type}")));
        }
        let target = match &self.arguments.out {
            Some(out) => out.clone(),
            None => {
                let folder = tempfile::Builder::new().prefix("neuralbox-try-").tempdir()?.keep();
                folder.join(format!("{}.{}", self.model.slug, inspected.media_type.extension()))
            }
        };
        let bytes = tokio::fs::copy(&path, &target).await?;
        Ok(Saved { path: target, bytes, inspected })
    }
}

async fn input(name: &str, path: &Path, url: Option<String>) -> Result<InputFile, Error> {
    let inspected = inspect(path).await;
    let inspected = inspected.map_err(|error| Error::Other(format!("{}: {error}", path.display())))?;
    Ok(InputFile {
        file_name: format!("{name}.{}", inspected.media_type.extension()),
        content_type: inspected.media_type.content_type().to_owned(),
        bytes: tokio::fs::metadata(path).await?.len(),
        duration_ms: inspected.duration_ms,
        path: path.to_owned(),
        url,
    })
}

/// How long the recording plays that goes in, where it says.
pub(super) fn input_audio_ms(call: &MediaCall) -> Option<i64> {
    call.inputs.get(AUDIO)?.duration_ms
}

async fn inspect(path: &Path) -> Result<Inspected, MediaError> {
    let path = path.to_owned();
    let inspected = tokio::task::spawn_blocking(move || media::inspect(&path)).await;
    inspected.map_err(std::io::Error::other)?
}
