//! The chunks of a streamed completion. The reason for the end comes only once the charge is on disk; a stream that fails
//! ends with an error, and without the mark of a good end.

use crate::{
    error::ApiError,
    request_id,
    routes::generate::NO_BUFFERING,
    wire::openai::{completion::Chunks, error::OpenAiError},
};
use app::{Error, Running};
use axum::response::{
    IntoResponse,
    sse::{Event, KeepAlive, Sse},
};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use std::{collections::VecDeque, convert::Infallible};

/// Where the stream is.
enum Stage {
    Start(Running),
    Deltas(Running),
    Closing(VecDeque<Event>),
}

/// The events of a generation that has begun.
pub(super) fn events(running: Running, include_usage: bool) -> impl IntoResponse {
    let (model, created_at) = (running.model_slug.clone(), running.start.created_at);
    let chunks = Chunks { id: running.id, model, created_at, include_usage };
    let state = (Stage::Start(running), chunks, request_id::current());
    let events = stream::unfold(state, |(stage, chunks, request_id)| async move {
        let (event, stage) = next(stage, &chunks, &request_id).await?;
        Some((event, (stage, chunks, request_id)))
    });
    ([NO_BUFFERING], Sse::new(events.map(Ok::<_, Infallible>)).keep_alive(KeepAlive::default()))
}

async fn next(stage: Stage, chunks: &Chunks, request_id: &str) -> Option<(Event, Stage)> {
    let mut closing = match stage {
        Stage::Start(running) => return Some((event(&chunks.first()), Stage::Deltas(running))),
        Stage::Deltas(mut running) => match running.next_delta().await {
            Some(delta) => return Some((event(&chunks.delta(&delta)), Stage::Deltas(running))),
            None => end(running, chunks, request_id).await,
        },
        Stage::Closing(events) => events,
    };
    Some((closing.pop_front()?, Stage::Closing(closing)))
}

async fn end(running: Running, chunks: &Chunks, request_id: &str) -> VecDeque<Event> {
    let error = match running.finish().await {
        Ok(Some(finished)) => {
            let events = chunks.last(&finished).into_iter().map(|chunk| event(&chunk));
            return events.chain([Event::default().data("[DONE]")]).collect();
        }
        // A repeat whose process ends before the first has.
        Ok(None) => Error::OutcomeUnknown,
        Err(failed) => failed.error,
    };
    let mut error = ApiError::from(error).of_generation(chunks.id);
    if error.code == "internal_error" {
        // Events are sent after the request's own scope has ended, so its name is brought along.
        error.message = request_id.to_owned();
    }
    [event(&OpenAiError::from(&error))].into()
}

fn event(body: &impl Serialize) -> Event {
    // Strings and numbers in a struct of ours always become JSON.
    Event::default().json_data(body).unwrap_or_default()
}
