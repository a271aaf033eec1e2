//! Messages to servers that clients name.

/// Sends messages to servers that clients name.
#[async_trait::async_trait]
pub trait WebhookSender: Send + Sync + 'static {
    /// The host of an address that messages may be sent to, as far as the address itself tells: what its name leads to is
    /// seen when it is connected to.
    ///
    /// # Errors
    /// What is wrong with it, for whoever named it.
    fn host(&self, url: &str) -> Result<String, String>;

    /// Posts a JSON body with `headers`, and says by which HTTP status it was answered. Redirects are not followed, and what
    /// else the answer says is not read.
    ///
    /// # Errors
    /// Why there was no answer, for whoever named the address.
    async fn send(&self, url: &str, headers: &[(&'static str, String)], body: String) -> Result<u16, String>;
}
