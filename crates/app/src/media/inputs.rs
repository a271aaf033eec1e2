//! Files that go in: fetched from where the client names, or uploaded before; looked at, and refused, before anything is
//! held.

use super::{MAX_INPUT_BYTES, blocking, spool::another_kind};
use crate::{App, Error};
use domain::{
    catalog::{Category, Model},
    id::AccountId,
    media::{InputFile, MediaCall},
    params::{FieldError, ParamSpec, Params},
    port::{FetchFailure, FetchFailureKind, FetchLimits},
};
use media::{Inspected, MediaKind, MediaType};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};
use storage::FileKind;
use tempfile::TempDir;
use tokio::time::Instant;

/// What speech is read from.
pub(super) const RECORDINGS: [MediaType; 7] = [
    MediaType::Mp3,
    MediaType::Mp4,
    MediaType::Wav,
    MediaType::M4a,
    MediaType::Ogg,
    MediaType::Flac,
    MediaType::WebM,
];

/// A call with its files in place.
pub(crate) struct Prepared {
    pub(crate) call: MediaCall,
    /// The folder of its files, gone when this is.
    pub(crate) _folder: TempDir,
}

impl App {
    /// Whether the caller has tokens for a request whose files are yet to be fetched. Only a hint: the hold decides.
    pub(crate) async fn check_balance(
        &self,
        account_id: AccountId,
        model: &Model,
        params: &Params,
        price_tokens: i64,
    ) -> Result<(), Error> {
        if urls(model, params).is_empty() {
            return Ok(());
        }
        let wallet = self.storage().ledger().wallet(account_id).await?;
        let available = wallet.spendable_tokens(self.clock().now());
        if available < price_tokens {
            return Err(Error::InsufficientTokens { required: price_tokens, available });
        }
        Ok(())
    }

    /// Gets the files that `call` names by address.
    pub(crate) async fn prepare(
        &self,
        account_id: AccountId,
        model: &Model,
        mut call: MediaCall,
    ) -> Result<Prepared, Error> {
        let folder = self.scratch_folder()?;
        call.scratch = folder.path().to_owned();
        let urls = urls(model, &call.params);
        self.require_way_out(&call, urls.iter().map(|(name, _)| name.as_str()))?;
        let is_elsewhere = urls.iter().any(|(_, url)| self.own_file_name(url).is_none());
        let _place = if is_elsewhere { Some(self.inner.input_room.enter(account_id)?) } else { None };
        let deadline = Instant::now() + Duration::from_millis(self.inner.settings.input_timeout_ms);
        let mut errors = Vec::new();
        for (name, url) in urls {
            match self.input(account_id, &call, (&name, &url), deadline).await? {
                Ok(file) => {
                    call.inputs.insert(name, file);
                }
                Err(wrong) => errors.push(wrong),
            }
        }
        if errors.is_empty() {
            Ok(Prepared { call, _folder: folder })
        } else {
            Err(Error::Validation(errors))
        }
    }

    async fn input(
        &self,
        account_id: AccountId,
        call: &MediaCall,
        (name, url): (&str, &str),
        deadline: Instant,
    ) -> Result<Result<InputFile, FieldError>, Error> {
        let path = call.scratch.join(name);
        if let Err(wrong) = self.obtain(account_id, url, &path, deadline).await? {
            return Ok(Err(FieldError::new(name, wrong)));
        }
        let media_type = match self.look_at(name, &path, &[MediaKind::Image]).await? {
            Ok(media_type) => media_type,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let mut file = input_file(name, path, media_type, None).await?;
        if self.inner.provider.wants_url(call, name) {
            file.url = Some(self.hand_out(account_id, &file, media_type).await?);
        }
        Ok(Ok(file))
    }

    /// Brings the file at `url` to `path`: one of ours from where we keep it, another from the open internet.
    async fn obtain(
        &self,
        account_id: AccountId,
        url: &str,
        path: &Path,
        deadline: Instant,
    ) -> Result<Result<(), String>, Error> {
        if let Some(name) = self.own_file_name(url) {
            let found = self.storage().file(name, self.clock().now()).await?;
            let Some((_, record)) = found.filter(|(owner, _)| *owner == account_id) else {
                return Ok(Err("there is no such file here".to_owned()));
            };
            // A result of ours may be larger than what may go in.
            if u64::try_from(record.size_bytes).is_ok_and(|bytes| bytes > MAX_INPUT_BYTES) {
                return Ok(Err(format!("has more than {} MB", MAX_INPUT_BYTES / 1_000_000)));
            }
            self.download(name, path).await?;
            return Ok(Ok(()));
        }
        let limits = FetchLimits { max_bytes: MAX_INPUT_BYTES, allow_private: false };
        let fetched = tokio::time::timeout_at(deadline, self.inner.fetch.fetch(url, limits, path));
        let Ok(fetched) = fetched.await else {
            return Ok(Err("cannot be fetched: the host took too long".to_owned()));
        };
        match fetched {
            Ok(_) => Ok(Ok(())),
            Err(failure) if failure.kind == FetchFailureKind::Disk => Err(not_kept(&failure)),
            Err(failure) => Ok(Err(format!("cannot be fetched: {failure}"))),
        }
    }

    /// Finds out what a file is, and refuses what parameter `name` cannot be.
    pub(super) async fn look_at(
        &self,
        name: &str,
        path: &Path,
        kinds: &[MediaKind],
    ) -> Result<Result<MediaType, FieldError>, Error> {
        let found = inspect(name, path).await?;
        Ok(found.and_then(|Inspected { media_type, .. }| {
            if kinds.contains(&media_type.kind()) {
                return Ok(media_type);
            }
            let kinds = kinds.iter().map(|kind| describe(*kind));
            Err(another_kind(name).allowing(kinds))
        }))
    }

    /// The recording that speech is read from, once it is found to be one, and no longer than `model` is sold for.
    pub(crate) async fn recording(
        &self,
        model: &Model,
        path: PathBuf,
    ) -> Result<Result<InputFile, FieldError>, Error> {
        const NAME: &str = "audio";
        let inspected = match inspect(NAME, &path).await? {
            Ok(inspected) => inspected,
            Err(wrong) => return Ok(Err(wrong)),
        };
        if !RECORDINGS.contains(&inspected.media_type) {
            let allowed = RECORDINGS.map(MediaType::extension);
            return Ok(Err(another_kind(NAME).allowing(allowed)));
        }
        let max_ms = model.limits.max_audio_s.map(|max_s| max_s.saturating_mul(1_000));
        if let Some(max_ms) = max_ms {
            let limit = format!("must play for at most {} s", max_ms / 1_000);
            let message = match inspected.duration_ms {
                Some(duration_ms) if duration_ms <= max_ms => None,
                Some(_) => Some(limit),
                None => Some(format!("{limit}, and does not show how long it plays")),
            };
            if let Some(message) = message {
                return Ok(Err(FieldError::new(NAME, message)));
            }
        }
        Ok(Ok(input_file(NAME, path, inspected.media_type, inspected.duration_ms).await?))
    }

    /// Whether the vendor can fetch those of the inputs that it wants to fetch itself.
    fn require_way_out<'a>(
        &self,
        call: &MediaCall,
        mut names: impl Iterator<Item = &'a str>,
    ) -> Result<(), Error> {
        let provider = &self.inner.provider;
        let has_way = self.inner.settings.is_public || provider.is_private(&call.vendor);
        if has_way || !names.any(|name| provider.wants_url(call, name)) {
            return Ok(());
        }
        let reason = "its vendor fetches inputs from this service, which has no public address";
        Err(Error::ModelUnavailable { model: call.model_slug.clone(), reason, retry_after_s: None })
    }

    /// An address of ours at which the vendor can fetch `file`.
    async fn hand_out(
        &self,
        account_id: AccountId,
        file: &InputFile,
        media_type: MediaType,
    ) -> Result<String, Error> {
        let stored = self.store_file(account_id, FileKind::Input, media_type, &file.path).await?;
        Ok(self.file_url(&stored.name))
    }
}

/// The parameters that name files by address, as far as they are given.
fn urls(model: &Model, params: &Params) -> Vec<(String, String)> {
    let names = model.params.iter().filter(|(_, spec)| matches!(spec, ParamSpec::Url { .. }));
    names.filter_map(|(name, _)| Some((name.clone(), params.text(name)?.to_owned()))).collect()
}

/// Finds out what a client's file is, and that it is all there.
async fn inspect(name: &str, path: &Path) -> Result<Result<Inspected, FieldError>, Error> {
    let path = path.to_owned();
    let inspected = blocking(move || {
        let inspected = media::inspect(&path)?;
        media::check_whole(&path, inspected.media_type)?;
        Ok(inspected)
    });
    let inspected = inspected.await?;
    Ok(inspected.map_err(|error| FieldError::new(name, format!("cannot be read: {error}"))))
}

/// A file on this machine's disk as an input.
async fn input_file(
    name: &str,
    path: PathBuf,
    media_type: MediaType,
    duration_ms: Option<i64>,
) -> Result<InputFile, Error> {
    let bytes = tokio::fs::metadata(&path).await.map_err(|error| disk(&error))?.len();
    Ok(InputFile {
        file_name: format!("{name}.{}", media_type.extension()),
        content_type: media_type.content_type().to_owned(),
        bytes,
        duration_ms,
        url: None,
        path,
    })
}

/// What kind of file a category's results are.
pub fn result_kind(category: Category) -> MediaKind {
    match category {
        Category::Image | Category::Tool => MediaKind::Image,
        Category::Video => MediaKind::Video,
        Category::Music | Category::Tts | Category::Stt | Category::Text => MediaKind::Audio,
    }
}

pub(super) fn disk(error: &std::io::Error) -> Error {
    tracing::error!(%error, "this machine's disk");
    Error::Overloaded
}

/// A file that could be fetched, and not be written.
pub(super) fn not_kept(failure: &FetchFailure) -> Error {
    tracing::error!(%failure, "this machine's disk");
    Error::Overloaded
}

pub(super) fn describe(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Image => "picture",
        MediaKind::Video => "video",
        MediaKind::Audio => "sound",
    }
}
