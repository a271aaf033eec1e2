//! Server-sent events, as far as vendors use them: the `data` of each event. Names, ids and comments are skipped,
//! because every vendor repeats in the data what an event is.

use crate::{adapter::StreamDecoder, wire::error::bad_response};
use domain::port::{Answer, ProviderError};

/// Bytes that one event may have, and one line. The largest event of any vendor repeats a whole conversation.
const MAX_EVENT_BYTES: usize = 4 * 1024 * 1024;

/// Cuts bytes into events. Lines end with CRLF, LF or CR, and the bytes may be split anywhere. An event that the body's
/// end leaves without its blank line is dropped, as the standard says: it may not be whole.
#[derive(Default)]
pub(crate) struct Events {
    line: Vec<u8>,
    data: Option<String>,
    is_after_cr: bool,
}

impl Events {
    /// Takes the next bytes and passes on the data of each event that they complete.
    pub(crate) fn push(
        &mut self,
        chunk: &[u8],
        on_event: &mut dyn FnMut(&str) -> Result<(), ProviderError>,
    ) -> Result<(), ProviderError> {
        for &byte in chunk {
            let is_after_cr = std::mem::replace(&mut self.is_after_cr, byte == b'\r');
            match byte {
                b'\n' if is_after_cr => {}
                b'\n' | b'\r' => self.end_line(on_event)?,
                _ if self.line.len() >= MAX_EVENT_BYTES => return Err(too_long()),
                _ => self.line.push(byte),
            }
        }
        Ok(())
    }

    fn end_line(
        &mut self,
        on_event: &mut dyn FnMut(&str) -> Result<(), ProviderError>,
    ) -> Result<(), ProviderError> {
        if self.line.is_empty() {
            return self.data.take().map_or(Ok(()), |data| on_event(&data));
        }
        let line = str::from_utf8(&self.line).map_err(|_| bad_response("the stream is not UTF-8"))?;
        // A byte order mark may stand at the very start.
        let line = line.strip_prefix('\u{feff}').unwrap_or(line);
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        if name == "data" {
            let value = value.strip_prefix(' ').unwrap_or(value);
            match &mut self.data {
                Some(data) if data.len() + value.len() >= MAX_EVENT_BYTES => return Err(too_long()),
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            }
        }
        self.line.clear();
        Ok(())
    }
}

fn too_long() -> ProviderError {
    bad_response(format!("an event of the stream has more than {MAX_EVENT_BYTES} bytes"))
}

/// What one vendor says in its events.
pub(crate) trait EventReader: Send {
    /// Takes the data of the next event and passes on its text.
    fn read(&mut self, data: &str, on_delta: &mut dyn FnMut(&str)) -> Result<(), ProviderError>;

    /// As [`StreamDecoder::has_ended`].
    fn has_ended(&self) -> bool;

    /// As [`StreamDecoder::finish`].
    fn finish(self) -> Result<Answer, ProviderError>;
}

/// A stream of events as `reader` understands them.
pub(crate) struct EventStream<R> {
    events: Events,
    reader: R,
}

impl<R: EventReader + 'static> EventStream<R> {
    /// A decoder before its first byte.
    pub(crate) fn boxed(reader: R) -> Box<dyn StreamDecoder> {
        Box::new(Self { events: Events::default(), reader })
    }
}

impl<R: EventReader> StreamDecoder for EventStream<R> {
    fn push(&mut self, chunk: &[u8], on_delta: &mut dyn FnMut(&str)) -> Result<(), ProviderError> {
        let reader = &mut self.reader;
        self.events.push(chunk, &mut |data| match reader.has_ended() {
            true => Ok(()),
            false => reader.read(data, on_delta),
        })
    }

    fn has_ended(&self) -> bool {
        self.reader.has_ended()
    }

    fn finish(self: Box<Self>) -> Result<Answer, ProviderError> {
        self.reader.finish()
    }
}
