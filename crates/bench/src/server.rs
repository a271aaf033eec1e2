//! The server as it is shipped: a process of its own, on a database of ours, with the upstream for a vendor.

use crate::{
    Result,
    database::Database,
    process::{self, Pid},
    wire::Connection,
};
use domain::catalog::Sources;
use std::{
    fs::{self, File},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;
use tokio::time::sleep;

/// What it may take to start, on a machine that has much else to do.
const PATIENCE: Duration = Duration::from_secs(60);
const READY: &[u8] = b"GET /readyz HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";

/// A binary beside this one: both come from one build.
pub(crate) fn beside(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    Ok(own.parent().ok_or("this program lies nowhere")?.join(name))
}

/// A process that serves, which is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
    /// From its start to its first good answer.
    pub(crate) start_up: Duration,
    folder: TempDir,
}

impl Server {
    /// Starts `binary` and waits until it is ready.
    pub(crate) async fn start(
        binary: &Path,
        database: &Database,
        upstream: SocketAddr,
        pin: bool,
    ) -> Result<Self> {
        let folder = TempDir::new()?;
        let addr = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let plans = folder.path().join("plans.toml");
        fs::write(&plans, plans_without_end()?)?;
        let config = folder.path().join("neuralbox.toml");
        let folder_name = folder.path().display();
        let url = &database.url;
        let settings = format!(
            "[server]\nbind = \"{addr}\"\nscratch_dir = \"{folder_name}/scratch\"\n\
             [auth]\nsecret = \"of nobody but this benchmark, and gone with it\"\n\
             [database]\nurl = \"{url}\"\n[files]\nurl = \"{folder_name}/files\"\n\
             [catalog]\nplans = \"{}\"\n[webhooks]\nallow_private = true\n[log]\nformat = \"json\"\n\
             [providers.deepseek]\napi_key = \"bench\"\nbase_url = \"http://{upstream}\"\nmax_concurrency = 10000\n",
            plans.display()
        );
        fs::write(&config, settings)?;
        let log = File::create(folder.path().join("log"))?;
        let mut command = Command::new(binary);
        command.arg("--config").arg(&config).arg("serve").current_dir(folder.path());
        // Nothing from outside sets anything, but for the mark without which the build for measuring does not serve.
        command.env_clear().env("NEURALBOX_BENCH_NO_LEDGER", "1");
        let started = Instant::now();
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn()?;
        let mut server = Self { child, addr, start_up: Duration::ZERO, folder };
        while !is_ready(addr).await {
            if server.child.try_wait()?.is_some() || started.elapsed() > PATIENCE {
                let log = fs::read_to_string(server.folder.path().join("log")).unwrap_or_default();
                return Err(format!("the server does not start: {log}").into());
            }
            sleep(Duration::from_millis(1)).await;
        }
        server.start_up = started.elapsed();
        if pin {
            process::pin(server.pid(), process::GATEWAYS_CORE)?;
        }
        Ok(server)
    }

    pub(crate) fn pid(&self) -> Pid {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn is_ready(addr: SocketAddr) -> bool {
    let asking = async {
        let mut connection = Connection::to(addr).await?;
        connection.write(READY).await?;
        connection.response_head().await
    };
    asking.await.is_ok_and(|head| head.status == 200)
}

/// The plans as they are sold, but that their limits are never reached. They are counted all the same.
fn plans_without_end() -> Result<String> {
    let plans = Sources::default().plans;
    let raised = plans
        .replace("rate_limit_hourly = 100\n", "rate_limit_hourly = 1_000_000_000\n")
        .replace("rate_limit_daily = 1000\n", "rate_limit_daily = 1_000_000_000\n");
    if raised.matches("1_000_000_000").count() == 2 {
        Ok(raised)
    } else {
        Err("other limits than expected".into())
    }
}
