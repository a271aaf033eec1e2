//! An S3-compatible server over a folder, in this process, behind a real socket.

use hyper_util::{rt::TokioExecutor, rt::TokioIo, server::conn::auto::Builder};
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use std::path::Path;
use tokio::{net::TcpListener, task::JoinHandle};

pub const KEY_ID: &str = "neuralbox-test";
pub const SECRET: &str = "very-secret-test-key";

/// Stops when dropped.
pub struct S3Server {
    pub url: String,
    task: JoinHandle<()>,
}

impl S3Server {
    /// Serves `folder`, with one bucket in it.
    pub async fn start(folder: &Path, bucket: &str) -> Self {
        std::fs::create_dir(folder.join(bucket)).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY_ID, SECRET));
        let service = builder.build();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let service = service.clone();
                tokio::spawn(async move {
                    // A connection that ends badly is the client's to notice.
                    let _ = Builder::new(TokioExecutor::new())
                        .http1_only()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self { url, task }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}
