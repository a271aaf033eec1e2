//! What an account's owner does with its endpoints.

use crate::{App, Caller, Error};
use domain::{
    id::{DeliveryId, EndpointId},
    params::FieldError,
    webhook::EventType,
};
use storage::{DeliveryRecord, EndpointRecord, NewEndpoint};

/// An endpoint to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateEndpoint {
    /// Where.
    pub url: String,
    /// The names of what is sent there; everything, where it is not said.
    pub events: Option<Vec<String>>,
}

/// An endpoint with its secret.
#[derive(Clone, Debug)]
pub struct CreatedEndpoint {
    /// As it is on record.
    pub endpoint: EndpointRecord,
    /// What its messages are signed with.
    pub secret: String,
}

/// An endpoint's deliveries are counted so far, and can be paged through so far.
pub const MAX_DELIVERIES_DEPTH: u64 = 10_000;

/// A page of what was sent to an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveriesPage {
    /// The deliveries, newest first.
    pub deliveries: Vec<DeliveryRecord>,
    /// How many there are on all pages, [`MAX_DELIVERIES_DEPTH`] at most.
    pub total: u64,
    /// Whether there are more than that.
    pub is_capped: bool,
}

impl App {
    /// Names an address that the account's events are sent to.
    ///
    /// # Errors
    /// [`Error::Validation`], [`Error::LimitedKey`].
    pub async fn create_endpoint(
        &self,
        caller: &Caller,
        request: CreateEndpoint,
    ) -> Result<CreatedEndpoint, Error> {
        refuse_limited(caller)?;
        let mut errors = Vec::new();
        errors.extend(self.check_webhook_url("url", &request.url).err());
        let events = request.events.map(|names| read_events(&names)).transpose();
        let events = events.map_err(|error| errors.push(error)).unwrap_or_default();
        if !errors.is_empty() {
            return Err(Error::Validation(errors));
        }
        let new = NewEndpoint {
            account_id: caller.account_id,
            id: EndpointId(self.storage().next_id().await?),
            url: request.url,
            events,
            created_at: self.clock().now(),
        };
        let (id, most) = (new.id, self.inner.settings.webhooks.endpoints_per_account);
        if !self.storage().create_endpoint(new, most).await? {
            let message = format!("would be the endpoint after the {most} that an account may have");
            return Err(Error::Validation(vec![FieldError::new("url", message)]));
        }
        Ok(self.with_secret(self.endpoint(caller, id).await?))
    }

    /// The caller's endpoints, oldest first.
    ///
    /// # Errors
    /// The database's.
    pub async fn endpoints(&self, caller: &Caller) -> Result<Vec<EndpointRecord>, Error> {
        Ok(self.storage().endpoints(caller.account_id).await?)
    }

    /// One of the caller's endpoints.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn endpoint(&self, caller: &Caller, id: EndpointId) -> Result<EndpointRecord, Error> {
        let found = self.storage().endpoint(caller.account_id, id).await?;
        found.ok_or(Error::NotFound("webhook"))
    }

    /// Enables an endpoint, or disables it; what is on its way there then is given up.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::LimitedKey`].
    pub async fn enable_endpoint(
        &self,
        caller: &Caller,
        id: EndpointId,
        is_enabled: bool,
    ) -> Result<EndpointRecord, Error> {
        refuse_limited(caller)?;
        let endpoint = self.endpoint(caller, id).await?;
        if endpoint.disabled_at.is_none() == is_enabled {
            return Ok(endpoint);
        }
        let disabled_at = (!is_enabled).then(|| self.clock().now());
        self.storage().set_endpoint_disabled(caller.account_id, id, disabled_at).await?;
        self.endpoint(caller, id).await
    }

    /// Gives an endpoint a new secret. Those before it go on signing for a day.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::LimitedKey`].
    pub async fn rotate_endpoint(&self, caller: &Caller, id: EndpointId) -> Result<CreatedEndpoint, Error> {
        refuse_limited(caller)?;
        let now = self.clock().now();
        let rotated = self.storage().rotate_endpoint(caller.account_id, id, now).await?;
        Ok(self.with_secret(rotated.ok_or(Error::NotFound("webhook"))?))
    }

    /// Forgets an endpoint.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::LimitedKey`].
    pub async fn delete_endpoint(&self, caller: &Caller, id: EndpointId) -> Result<(), Error> {
        refuse_limited(caller)?;
        let deleted = self.storage().delete_endpoint(caller.account_id, id).await?;
        if deleted { Ok(()) } else { Err(Error::NotFound("webhook")) }
    }

    /// The secret by which word of single generations is signed.
    ///
    /// # Errors
    /// [`Error::LimitedKey`].
    pub fn own_webhook_secret(&self, caller: &Caller) -> Result<String, Error> {
        refuse_limited(caller)?;
        Ok(self.webhook_secret(caller.account_id, None, 0))
    }

    /// What was sent to one of the caller's endpoints, newest first, after the first `offset`.
    ///
    /// # Errors
    /// [`Error::NotFound`].
    pub async fn deliveries(
        &self,
        caller: &Caller,
        id: EndpointId,
        offset: u64,
        limit: u64,
    ) -> Result<DeliveriesPage, Error> {
        self.endpoint(caller, id).await?;
        let (account_id, storage) = (caller.account_id, self.storage());
        let deliveries = storage.deliveries(account_id, id, offset, limit).await?;
        let len = storage.deliveries_len(account_id, id, MAX_DELIVERIES_DEPTH + 1).await?;
        let (total, is_capped) = (len.min(MAX_DELIVERIES_DEPTH), len > MAX_DELIVERIES_DEPTH);
        Ok(DeliveriesPage { deliveries, total, is_capped })
    }

    /// Has something sent to an endpoint once more, whatever became of it, and whether or not the endpoint is disabled.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::LimitedKey`].
    pub async fn redeliver(
        &self,
        caller: &Caller,
        id: EndpointId,
        delivery_id: DeliveryId,
    ) -> Result<DeliveryRecord, Error> {
        refuse_limited(caller)?;
        self.endpoint(caller, id).await?;
        let now = self.clock().now();
        let again = self.storage().redeliver(caller.account_id, id, delivery_id, now).await?;
        again.ok_or(Error::NotFound("delivery"))
    }

    fn with_secret(&self, endpoint: EndpointRecord) -> CreatedEndpoint {
        let secret = self.webhook_secret(endpoint.account_id, Some(endpoint.id), endpoint.rotation);
        CreatedEndpoint { endpoint, secret }
    }
}

/// An endpoint hears of everything in the account, so a key that is good for a part of it names none.
fn refuse_limited(caller: &Caller) -> Result<(), Error> {
    if caller.has_limited_key() { Err(Error::LimitedKey) } else { Ok(()) }
}

fn read_events(names: &[String]) -> Result<Vec<EventType>, FieldError> {
    let events: Option<Vec<EventType>> = names.iter().map(|name| EventType::parse(name)).collect();
    let mut events = events.filter(|events| !events.is_empty()).ok_or_else(|| {
        let allowed = EventType::ALL.map(EventType::name);
        FieldError::new("events", "must name at least one kind of event, and known ones").allowing(allowed)
    })?;
    events.sort_unstable();
    events.dedup();
    Ok(events)
}
