//! A network between a service and PostgreSQL that can go silent, or lose just the answer to a commit.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::{Notify, watch},
    task::JoinHandle,
};

/// What PostgreSQL says of a commit: `CommandComplete`, by its type, its length and its tag; and `DataRow`, with the one column that
/// the ledger's own statement answers with, which commits by itself.
const COMMITTED: [&[u8]; 2] =
    [b"C\x00\x00\x00\x0bCOMMIT\x00", b"D\x00\x00\x00\x11\x00\x01\x00\x00\x00\x07written"];
/// The longer one.
const LONGEST_COMMITTED: usize = COMMITTED[1].len();

/// How an answer is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The connection breaks, and both sides hear of it.
    Cut,
    /// Nothing comes any more, and nobody hears of that.
    Silence,
}

/// A way to a server. Gone when it is dropped, with all its connections.
#[derive(Debug)]
pub struct Proxy {
    /// On this machine.
    pub port: u16,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct State {
    /// Connections that were made before so many silences hear nothing any more.
    silences: AtomicU64,
    /// Whether new connections hear nothing either.
    is_silent: AtomicBool,
    /// Commits until the one whose answer is lost; 0 when none is.
    commits_left: AtomicU64,
    /// Whether that answer is lost in silence.
    is_loss_silent: AtomicBool,
    lost: Notify,
}

impl Proxy {
    /// Listens, and connects whoever comes to that port of this machine.
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let state = Arc::new(State::default());
        let accepting = tokio::spawn(accept(listener, to, state.clone()));
        Self { port, state, accepting }
    }

    /// From now on nothing passes, on connections that there are and on new ones, and none of them breaks.
    pub fn go_silent(&self) {
        self.state.is_silent.store(true, Ordering::SeqCst);
        self.state.silences.fetch_add(1, Ordering::SeqCst);
    }

    /// New connections work again. Old ones stay silent for ever, as they do when another machine has taken over.
    pub fn let_in(&self) {
        self.state.is_silent.store(false, Ordering::SeqCst);
    }

    /// Loses the answer to the `nth` commit from now, and with it the connection.
    pub fn lose_commit(&self, nth: u64, loss: Loss) {
        self.state.is_loss_silent.store(loss == Loss::Silence, Ordering::SeqCst);
        self.state.commits_left.store(nth, Ordering::SeqCst);
    }

    /// Waits until that answer has been lost.
    pub async fn lost(&self) {
        self.state.lost.notified().await;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, to: u16, state: Arc<State>) {
    // Connections end with this.
    let (_alive, ended) = watch::channel(());
    while let Ok((client, _)) = listener.accept().await {
        let (state, mut ended) = (state.clone(), ended.clone());
        tokio::spawn(async move {
            tokio::select! {
                () = join(client, to, &state) => {}
                _ = ended.changed() => {}
            }
        });
    }
}

/// Carries bytes both ways until one side ends.
async fn join(client: TcpStream, to: u16, state: &State) {
    let made_at = state.silences.load(Ordering::SeqCst);
    if state.is_silent.load(Ordering::SeqCst) {
        return hold_silent(client).await;
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await else { return };
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let connection = Connection { state, made_at };
    tokio::select! {
        () = connection.carry(from_client, to_server) => {}
        () = connection.bring(from_server, to_client) => {}
    }
}

/// Neither answers nor breaks off.
async fn hold_silent(_client: TcpStream) {
    std::future::pending().await
}

struct Connection<'a> {
    state: &'a State,
    made_at: u64,
}

impl Connection<'_> {
    fn is_silent(&self) -> bool {
        self.state.silences.load(Ordering::SeqCst) != self.made_at
    }

    /// To the server.
    async fn carry(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = [0; 16 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if self.is_silent() {
                continue;
            }
            if to.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    }

    /// From the server, but for an answer that is to be lost.
    async fn bring(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
        let mut buffer = [0; 16 * 1024];
        // The end of what came before, in which an answer may have begun.
        let mut seen = Vec::new();
        while let Ok(length @ 1..) = from.read(&mut buffer).await {
            if self.is_silent() {
                continue;
            }
            seen.extend_from_slice(&buffer[..length]);
            if COMMITTED.iter().any(|commit| seen.windows(commit.len()).any(|bytes| bytes == *commit)) {
                seen.clear();
                if self.is_to_be_lost() {
                    self.state.lost.notify_one();
                    if self.state.is_loss_silent.load(Ordering::SeqCst) {
                        std::future::pending::<()>().await;
                    }
                    return;
                }
            }
            seen.drain(..seen.len().saturating_sub(LONGEST_COMMITTED - 1));
            if to.write_all(&buffer[..length]).await.is_err() {
                return;
            }
        }
    }

    /// Counts a commit; whether it is the one.
    fn is_to_be_lost(&self) -> bool {
        let counted = self
            .state
            .commits_left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
        counted == Ok(1)
    }
}
