//! Files in a folder, and in an S3-compatible server behind a real socket.

mod s3_server;

use bytes::Bytes;
use futures_util::TryStreamExt;
use s3_server::{KEY_ID, S3Server, SECRET};
use std::{io::Write, ops::Range};
use storage::{BlobError, BlobSettings, Blobs, S3Settings};
use tempfile::TempDir;

/// A store, and what keeps it there.
struct Store {
    name: &'static str,
    blobs: Blobs,
    _folder: TempDir,
    _server: Option<S3Server>,
}

fn in_folder() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let url = folder.path().join("made/here").to_str().unwrap().to_owned();
    let blobs = Blobs::open(&BlobSettings { url, ..BlobSettings::default() }).unwrap();
    Store { name: "folder", blobs, _folder: folder, _server: None }
}

async fn in_s3() -> Store {
    let folder = tempfile::tempdir().unwrap();
    let server = S3Server::start(folder.path(), "files").await;
    let settings = BlobSettings { url: "s3://files/some/prefix/".to_owned(), s3: s3_settings(&server.url) };
    let blobs = Blobs::open(&settings).unwrap();
    Store { name: "S3", blobs, _folder: folder, _server: Some(server) }
}

fn s3_settings(endpoint: &str) -> S3Settings {
    S3Settings {
        endpoint: Some(endpoint.to_owned()),
        region: None,
        access_key_id: Some(KEY_ID.to_owned()),
        secret_access_key: Some(SECRET.into()),
        allow_http: true,
    }
}

/// Bytes that tell where they belong.
fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect()
}

/// What is stored, and the size that is told of the whole.
async fn read(blobs: &Blobs, name: &str, range: Option<Range<u64>>) -> Result<(Vec<u8>, u64), BlobError> {
    let blob = blobs.get_range(name, range).await?;
    let pieces: Vec<Bytes> = blob.stream.try_collect().await?;
    let bytes = pieces.concat();
    assert_eq!(blob.range.end - blob.range.start, bytes.len() as u64);
    Ok((bytes, blob.total_bytes))
}

#[tokio::test]
async fn files_are_kept_whole() {
    for store in [in_folder(), in_s3().await] {
        // Less than a part, exactly one, more than one, and nothing.
        for length in [5, 8 * 1024 * 1024, 11 * 1024 * 1024 + 3, 0] {
            let bytes = pattern(length);
            let mut file = tempfile::NamedTempFile::new().unwrap();
            file.write_all(&bytes).unwrap();
            store.blobs.put_file("clip.mp4", file.path(), "video/mp4").await.unwrap();
            assert_eq!(store.blobs.head("clip.mp4").await.unwrap(), length as u64);
            let (found, total_bytes) = read(&store.blobs, "clip.mp4", None).await.unwrap();
            assert!(found == bytes, "{} {length}", store.name);
            assert_eq!(total_bytes, length as u64);
        }
        store.blobs.put_bytes("thumb.jpg", Bytes::from_static(b"small"), "image/jpeg").await.unwrap();
        assert_eq!(read(&store.blobs, "thumb.jpg", None).await.unwrap().0, b"small");
    }
}

#[tokio::test]
async fn ranges() {
    for store in [in_folder(), in_s3().await] {
        let bytes = Bytes::from(pattern(1_000_000));
        store.blobs.put_bytes("a", bytes.clone(), "audio/mpeg").await.unwrap();
        let check = async |range: Range<u64>, expected: Range<usize>| {
            let (found, total_bytes) = read(&store.blobs, "a", Some(range.clone())).await.unwrap();
            assert!(found == bytes[expected], "{} {range:?}", store.name);
            assert_eq!(total_bytes, 1_000_000);
        };
        check(0..1, 0..1).await;
        check(0..1_000_000, 0..1_000_000).await;
        check(8_191..400_001, 8_191..400_001).await;
        check(999_999..1_000_000, 999_999..1_000_000).await;
        check(999_990..2_000_000, 999_990..1_000_000).await;
        for range in [1_000_000..1_000_001, 5_000_000..6_000_000, 7..7] {
            let error = read(&store.blobs, "a", Some(range.clone())).await.unwrap_err();
            assert!(matches!(error, BlobError::BadRange), "{} {range:?}: {error}", store.name);
        }
    }
}

#[tokio::test]
async fn what_is_deleted_is_gone() {
    for store in [in_folder(), in_s3().await] {
        store.blobs.put_bytes("a", Bytes::from_static(b"x"), "image/png").await.unwrap();
        store.blobs.delete("a").await.unwrap();
        store.blobs.delete("a").await.unwrap();
        let missing = [
            read(&store.blobs, "a", None).await.err(),
            read(&store.blobs, "a", Some(0..1)).await.err(),
            store.blobs.head("a").await.err(),
        ];
        for error in missing {
            assert!(matches!(error, Some(BlobError::NotFound)), "{} {error:?}", store.name);
        }
    }
}

#[tokio::test]
async fn names() {
    let store = in_folder();
    let longest = "a".repeat(128);
    for name in ["a", "0-9_a.b", "a..b", &longest] {
        store.blobs.put_bytes(name, Bytes::new(), "image/png").await.unwrap();
    }
    let too_long = "a".repeat(129);
    for name in ["", ".", "..", ".a", "a/b", "/a", "../a", "A", "ä", "a b", "a%2fb", "a\\b", "a\0", &too_long]
    {
        let error = store.blobs.head(name).await.unwrap_err();
        assert!(matches!(error, BlobError::BadName), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_not_stored() {
    for store in [in_folder(), in_s3().await] {
        let folder = tempfile::tempdir().unwrap();
        for path in [folder.path().join("missing"), folder.path().to_owned()] {
            let error = store.blobs.put_file("a", &path, "image/png").await.unwrap_err();
            assert!(matches!(error, BlobError::File(_)), "{error}");
            assert!(matches!(store.blobs.head("a").await, Err(BlobError::NotFound)));
        }
    }
}

#[tokio::test]
async fn troubles_of_a_store_show_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let server = S3Server::start(folder.path(), "files").await;
    let check = async |url: &str, s3: S3Settings| {
        let blobs = Blobs::open(&BlobSettings { url: url.to_owned(), s3 }).unwrap();
        let error = blobs.put_bytes("a", Bytes::new(), "image/png").await.unwrap_err();
        assert!(!format!("{error} {error:?}").contains("planted"), "{error:?}");
    };
    let planted = Some("planted-secret-4711".into());
    check("s3://files", S3Settings { secret_access_key: planted.clone(), ..s3_settings(&server.url) }).await;
    let nowhere = S3Settings { endpoint: Some("http://127.0.0.1:1".to_owned()), ..s3_settings("") };
    check("s3://files", S3Settings { secret_access_key: planted, ..nowhere }).await;
}

#[test]
fn settings() {
    let check = |url: &str, s3: S3Settings, is_right: bool| {
        let settings = BlobSettings { url: url.to_owned(), s3 };
        let result = Blobs::open(&settings);
        assert_eq!(result.is_ok(), is_right, "{url}: {:?}", result.err());
        assert!(!format!("{settings:?}").contains(SECRET));
    };
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().to_str().unwrap();
    check(&format!("{folder}/plain"), S3Settings::default(), true);
    check(&format!("file://{folder}/url"), S3Settings::default(), true);
    check("s3://bucket", s3_settings("http://127.0.0.1:1"), true);
    check("s3://bucket/a/b", s3_settings("https://s3.example.com"), true);
    check("s3://bucket", S3Settings { endpoint: None, ..s3_settings("") }, true);
    check("", S3Settings::default(), false);
    check("file://relative", S3Settings::default(), false);
    check("ftp://example.com", S3Settings::default(), false);
    check("s3://", s3_settings("http://127.0.0.1:1"), false);
    check("s3://bucket/../a", s3_settings("http://127.0.0.1:1"), false);
    check("s3://bucket", s3_settings("127.0.0.1:1"), false);
    check("s3://bucket", S3Settings { allow_http: false, ..s3_settings("http://127.0.0.1:1") }, false);
    check("s3://bucket", S3Settings { secret_access_key: None, ..s3_settings("https://a") }, false);
}
