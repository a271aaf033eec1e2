//! Log lines as JSON, in the shape in which `tracing-subscriber` writes them with events flattened. It reads what it kept of each
//! span again, and puts it together anew, for every line; which took a tenth of what a generation takes. Here a span is written
//! once, and copied. (So a field of a span that is recorded twice stands there twice.)

use serde::Serialize;
use std::fmt::{self, Debug};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FmtContext, FormattedFields,
        format::{FormatEvent, FormatFields, Writer},
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// Room for a line as most are.
const USUAL_BYTES: usize = 512;

/// One object a line: `timestamp`, `level`, the event's fields, `target`, and `spans` from the outermost.
pub(super) struct JsonLines;

impl<'writer> FormatFields<'writer> for JsonLines {
    /// As members of an object, each with a comma before it.
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut members = Line::default();
        fields.record(&mut members);
        writer.write_str(members.text()?)
    }

    fn add_fields(
        &self,
        current: &'writer mut FormattedFields<Self>,
        fields: &tracing::span::Record<'_>,
    ) -> fmt::Result {
        self.format_fields(current.as_writer(), fields)
    }
}

impl<S> FormatEvent<S, JsonLines> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonLines>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let mut time = String::with_capacity(32);
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut line = Line(Vec::with_capacity(USUAL_BYTES));
        line.0.extend(b"{\"timestamp\":");
        line.value(&time);
        line.member("level", metadata.level().as_str());
        event.record(&mut line);
        line.member("target", metadata.target());
        if let Some(spans) = context.event_scope() {
            let mut before = b",\"spans\":[{\"name\":".as_slice();
            for span in spans.from_root() {
                line.0.extend(before);
                line.value(span.name());
                if let Some(fields) = span.extensions().get::<FormattedFields<Self>>() {
                    line.0.extend(fields.as_str().as_bytes());
                }
                before = b"},{\"name\":";
            }
            line.0.extend(b"}]");
        }
        line.0.extend(b"}\n");
        writer.write_str(line.text()?)
    }
}

/// A part of a line.
#[derive(Default)]
struct Line(Vec<u8>);

impl Line {
    fn member(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.0.push(b',');
        self.value(name);
        self.0.push(b':');
        self.value(value);
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) {
        // Neither writing to memory nor what a line is made of can fail.
        let _ = serde_json::to_writer(&mut self.0, value);
    }

    fn text(&self) -> Result<&str, fmt::Error> {
        str::from_utf8(&self.0).map_err(|_| fmt::Error)
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.member(field.name(), &format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.member(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.member(field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.member(field.name(), &value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.member(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.member(field.name(), &value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::{
        io,
        sync::{Arc, Mutex},
    };
    use tracing_subscriber::{fmt::MakeWriter, layer::SubscriberExt};

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Written {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    /// The lines that something logs, without their times.
    fn lines(logging: impl Fn(), as_library: bool) -> Vec<Value> {
        let written = Written::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(written.clone());
        if as_library {
            let layer = layer.json().flatten_event(true).with_current_span(false);
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), logging);
        } else {
            let layer = layer.fmt_fields(JsonLines).event_format(JsonLines);
            tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), logging);
        }
        let bytes = written.0.lock().unwrap().clone();
        let lines = String::from_utf8(bytes).unwrap();
        lines
            .lines()
            .map(|line| {
                let mut line: Value = serde_json::from_str(line).unwrap();
                let time = line.as_object_mut().unwrap().remove("timestamp").unwrap();
                assert!(time.as_str().unwrap().ends_with('Z'), "{time}");
                line
            })
            .collect()
    }

    fn log() {
        tracing::info!("alone");
        let outer =
            tracing::info_span!("outer", path = "/a\"b", bytes = 3_u64, later = tracing::field::Empty);
        let _outer = outer.enter();
        outer.record("later", -2);
        tracing::warn!(error = %io::Error::other("it\nfailed"), ratio = 0.5, is_it = true, "in {}", "one");
        let _inner = tracing::info_span!("inner").entered();
        tracing::error!(status = 200, kind = ?Some("x"), "in two");
    }

    #[test]
    fn lines_are_as_the_library_writes_them() {
        let lines_here = lines(log, false);
        assert_eq!(lines_here, lines(log, true));
        let outer = json!({ "name": "outer", "path": "/a\"b", "bytes": 3, "later": -2 });
        assert_eq!(lines_here[2]["spans"], json!([outer, { "name": "inner" }]));
        assert_eq!(lines_here[2]["message"], "in two");
    }
}
