//! From what a vendor made to what a client gets: brought here, looked at, converted, measured, and stored.

use super::{
    FINISH_LIMIT, blocking,
    inputs::{disk, not_kept, result_kind},
};
use crate::{App, Error, generate::UsageBody};
use domain::{
    catalog::Measured,
    id::AccountId,
    media::{MediaCall, Product, ProductFile},
    params::Milli,
    port::{FetchFailure, FetchFailureKind, FetchLimits, ProviderErrorKind},
};
use media::{ImageFormat, Inspected, MediaKind, MediaType};
use serde_json::{Map, Value, json};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};
use storage::{Completion, FileKind, FileRecord};

/// The longer side of a thumbnail, in pixels.
const THUMBNAIL_PX: u32 = 512;
/// What thumbnails are.
const THUMBNAIL: MediaType = MediaType::Jpeg;

impl App {
    /// Makes a product ready for the client. Its files are stored when this answers, for a short while; the settle keeps
    /// them. [`Error::may_pass`] says of an error whether to try again.
    pub(crate) async fn finish(
        &self,
        account_id: AccountId,
        call: &MediaCall,
        product: Product,
    ) -> Result<Completion, Error> {
        let finishing = self.make_ready(account_id, call, product);
        tokio::time::timeout(FINISH_LIMIT, finishing).await.unwrap_or_else(|_| {
            tracing::warn!(vendor = call.vendor, "a result is not ready in time");
            Err(Error::Overloaded)
        })
    }

    async fn make_ready(
        &self,
        account_id: AccountId,
        call: &MediaCall,
        product: Product,
    ) -> Result<Completion, Error> {
        let mut metadata = Map::new();
        let mut insert = |name: &str, value: Option<Value>| {
            metadata.extend(value.map(|value| (name.to_owned(), value)));
        };
        insert("upstream_model", product.upstream_model.clone().map(Value::from));
        insert("seed", product.seed.map(Value::from));
        insert("usage", product.usage.map(|usage| json!(UsageBody::from(usage))));
        let recording = call.inputs.get("audio");
        let input_audio_ms = recording.and_then(|recording| recording.duration_ms);
        let measured = Measured { input_audio_ms, usage: product.usage };
        insert("duration", measured.input_audio_ms.map(seconds));
        let mut completion = Completion {
            prompt: call.params.subject().map(Arc::from),
            result_text: product.text.map(Arc::from),
            result_file: None,
            thumbnail_file: None,
            files: Vec::new(),
            expires_at: self.results_expire_at(account_id, self.clock().now()).await?,
            result_metadata: String::new(),
            vendor_cost_micro_usd: self.vendor_cost_micro_usd(&call.model_slug, &call.params, measured),
        };
        match product.files.into_iter().next() {
            Some(file) => {
                let (path, inspected) = self.result(call, file).await?;
                insert("width", inspected.width.map(Value::from));
                insert("height", inspected.height.map(Value::from));
                insert("duration", inspected.duration_ms.map(seconds));
                insert("format", Some(json!(format_name(inspected.media_type))));
                self.store_result(account_id, &path, &inspected, &mut completion).await?;
            }
            // An empty one says that nobody spoke, or that there was nothing to read.
            None if completion.result_text.is_some() => {}
            None => return Err(bad_result(call, "there is neither a file nor text in it")),
        }
        completion.result_metadata = Value::Object(metadata).to_string();
        Ok(completion)
    }

    /// Brings a result here, and refuses what is not what was sold.
    async fn result(&self, call: &MediaCall, file: ProductFile) -> Result<(PathBuf, Inspected), Error> {
        let path = self.bring(call, file).await?;
        let inspected = inspect(&path).await?.map_err(|error| bad_result(call, &error.to_string()))?;
        if inspected.media_type.kind() != result_kind(call.category) {
            return Err(bad_result(call, "it is of another kind"));
        }
        match call.params.text("format").filter(|_| inspected.media_type.kind() == MediaKind::Image) {
            Some(format) => self.converted(call, path, inspected, format).await,
            None => Ok((path, inspected)),
        }
    }

    async fn bring(&self, call: &MediaCall, file: ProductFile) -> Result<PathBuf, Error> {
        let path = call.scratch.join("result");
        match file {
            ProductFile::Path(path) => return Ok(path),
            ProductFile::Bytes(bytes) => {
                tokio::fs::write(&path, bytes).await.map_err(|error| disk(&error))?;
            }
            ProductFile::Url(url) => {
                let allow_private = self.inner.provider.is_private(&call.vendor);
                let limits = FetchLimits { max_bytes: self.inner.settings.max_result_bytes, allow_private };
                let fetched = self.inner.fetch.fetch(&url, limits, &path).await;
                fetched.map_err(|failure| match failure.kind {
                    FetchFailureKind::Disk => not_kept(&failure),
                    FetchFailureKind::Passing => not_yet(call, &failure),
                    FetchFailureKind::BadUrl | FetchFailureKind::Gone | FetchFailureKind::TooLarge => {
                        bad_result(call, &failure.message)
                    }
                })?;
            }
        }
        Ok(path)
    }

    /// A picture in the format that was asked for; as it is when it has that already.
    async fn converted(
        &self,
        call: &MediaCall,
        path: PathBuf,
        inspected: Inspected,
        format: &str,
    ) -> Result<(PathBuf, Inspected), Error> {
        let Some(format) = ImageFormat::parse(format) else { return Ok((path, inspected)) };
        if inspected.media_type == format.media_type() {
            return Ok((path, inspected));
        }
        let target = call.scratch.join("converted");
        let converted = blocking({
            let path = path.clone();
            move || media::convert(&path, format)
        });
        let converted = converted.await?.map_err(|error| bad_result(call, &error.to_string()))?;
        let Some(bytes) = converted.bytes else { return Ok((path, inspected)) };
        tokio::fs::write(&target, bytes).await.map_err(|error| disk(&error))?;
        let (width, height) = (Some(converted.width), Some(converted.height));
        Ok((target, Inspected { media_type: format.media_type(), width, height, ..inspected }))
    }

    async fn store_result(
        &self,
        account_id: AccountId,
        path: &Path,
        inspected: &Inspected,
        completion: &mut Completion,
    ) -> Result<(), Error> {
        let media_type = inspected.media_type;
        let result = self.store_file(account_id, FileKind::Result, media_type, path).await?;
        completion.result_file = Some(result.name.clone());
        completion.files.push(result);
        if media_type.kind() == MediaKind::Image
            && let Some(thumbnail) = self.store_thumbnail(account_id, path).await?
        {
            completion.thumbnail_file = Some(thumbnail.name.clone());
            completion.files.push(thumbnail);
        }
        Ok(())
    }

    /// A small picture. One that cannot be made is no reason to fail what was made.
    async fn store_thumbnail(&self, account_id: AccountId, path: &Path) -> Result<Option<FileRecord>, Error> {
        let picture = path.to_owned();
        let bytes = match blocking(move || media::thumbnail(&picture, THUMBNAIL_PX)).await? {
            Ok(bytes) => bytes,
            Err(error) => {
                tracing::warn!(%error, "no thumbnail");
                return Ok(None);
            }
        };
        self.store_bytes(account_id, FileKind::Thumbnail, THUMBNAIL, bytes).await.map(Some)
    }
}

async fn inspect(path: &Path) -> Result<Result<Inspected, media::MediaError>, Error> {
    let path = path.to_owned();
    blocking(move || media::inspect(&path)).await
}

/// Seconds, to the thousandth.
fn seconds(ms: i64) -> Value {
    Milli(ms).to_json()
}

/// A format as parameters name it.
fn format_name(media_type: MediaType) -> &'static str {
    if media_type == MediaType::Jpeg { "jpeg" } else { media_type.extension() }
}

/// A result that is there, and cannot be had just now.
fn not_yet(call: &MediaCall, failure: &FetchFailure) -> Error {
    tracing::warn!(vendor = call.vendor, %failure, "a result cannot be fetched for now");
    Error::Overloaded
}

/// The vendor gave something that is not what was sold.
fn bad_result(call: &MediaCall, message: &str) -> Error {
    tracing::warn!(vendor = call.vendor, message, "a result cannot be used");
    Error::Provider { provider: call.vendor.clone(), kind: ProviderErrorKind::BadResponse }
}
