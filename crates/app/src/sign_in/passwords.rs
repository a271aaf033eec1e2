//! Passwords, by argon2id. Hashing one takes memory and tens of milliseconds on purpose, so that only so many are hashed at
//! once, and only so many wait for that.

use super::PasswordCost;
use crate::Error;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use domain::params::FieldError;
use std::sync::Arc;
use tokio::sync::Semaphore;

const MIN_CHARS: usize = 8;
const MAX_BYTES: usize = 256;
/// Bytes of chance in a hash, as RFC 9106 recommends.
const SALT_BYTES: usize = 16;
/// Passwords that may wait for each one that is being hashed.
const WAITING: usize = 8;

/// Hashes passwords, away from the threads that answer requests.
pub(crate) struct Passwords {
    cost: PasswordCost,
    /// Places for those that wait or are being hashed.
    room: Arc<Semaphore>,
    /// Places for those that are being hashed.
    at_work: Arc<Semaphore>,
}

/// What is wrong with a password that somebody chose.
pub(super) fn wrong(password: &str) -> Option<FieldError> {
    let is_good = password.chars().count() >= MIN_CHARS && password.len() <= MAX_BYTES;
    let message = format!("must be at least {MIN_CHARS} characters, and at most {MAX_BYTES} bytes");
    (!is_good).then(|| FieldError::new("password", message))
}

impl Passwords {
    pub(crate) fn new(cost: PasswordCost) -> Self {
        let at_once = cost.at_once.clamp(1, Semaphore::MAX_PERMITS / (WAITING + 1));
        let places = |count| Arc::new(Semaphore::new(count));
        Self { cost, room: places(at_once * (WAITING + 1)), at_work: places(at_once) }
    }

    /// What a password is to be checked against, as a PHC string.
    pub(super) async fn hash(&self, password: &str) -> Result<String, Error> {
        let (password, argon2) = (password.to_owned(), self.argon2()?);
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|error| Error::Internal(error.to_string()))?;
        let hashed = self.work(move || {
            argon2.hash_password_with_salt(password.as_bytes(), &salt).map(|hash| hash.to_string())
        });
        hashed.await?.map_err(|error| Error::Internal(error.to_string()))
    }

    /// Whether the password is the one behind `hash`. Where there is none it is not, which takes as long to say.
    pub(super) async fn verify(&self, password: &str, hash: Option<String>) -> Result<bool, Error> {
        // Nobody has chosen a longer one, and a hash takes the longer the more there is to it.
        let password = if password.len() <= MAX_BYTES { password.to_owned() } else { String::new() };
        let argon2 = self.argon2()?;
        self.work(move || match hash {
            Some(hash) => argon2.verify_password(password.as_bytes(), hash.as_str()).is_ok(),
            None => argon2.hash_password_with_salt(password.as_bytes(), &[0; SALT_BYTES]).is_err(),
        })
        .await
    }

    fn argon2(&self) -> Result<Argon2<'static>, Error> {
        let PasswordCost { memory_kib, passes, .. } = self.cost;
        let params = Params::new(memory_kib, passes, 1, None);
        let params = params.map_err(|error| Error::Internal(error.to_string()))?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let overloaded = |_| Error::Overloaded;
        let waiting = self.room.clone().try_acquire_owned().map_err(overloaded)?;
        let working = self.at_work.clone().acquire_owned().await.map_err(|_| Error::Overloaded)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held to the end of the work, which goes on when nobody waits for it any more.
            let _places = (waiting, working);
            work()
        });
        done.await.map_err(|error| Error::Internal(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: PasswordCost = PasswordCost { memory_kib: 8, passes: 1, at_once: 1 };

    #[tokio::test]
    async fn a_password_is_known_again() {
        let passwords = Passwords::new(CHEAP);
        let hash = passwords.hash("correct horse").await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
        assert_ne!(passwords.hash("correct horse").await.unwrap(), hash);
        assert!(passwords.verify("correct horse", Some(hash.clone())).await.unwrap());
        // What was hashed at another cost stays good.
        let dearer = Passwords::new(PasswordCost { memory_kib: 16, passes: 2, at_once: 1 });
        assert!(dearer.verify("correct horse", Some(hash.clone())).await.unwrap());
        for wrong in ["", "correct horsf", "correct horse ", &"x".repeat(300)] {
            assert!(!passwords.verify(wrong, Some(hash.clone())).await.unwrap(), "{wrong}");
        }
        assert!(!passwords.verify("correct horse", None).await.unwrap());
        assert!(!passwords.verify("correct horse", Some("no hash".to_owned())).await.unwrap());
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let passwords = Passwords::new(CHEAP);
        let all = passwords.room.clone().try_acquire_many_owned(9).unwrap();
        assert!(matches!(passwords.hash("correct horse").await, Err(Error::Overloaded)));
        drop(all);
        assert!(passwords.hash("correct horse").await.is_ok());
    }

    #[test]
    fn passwords_have_a_length() {
        for good in ["12345678", "пароль12", &"x".repeat(256)] {
            assert_eq!(wrong(good), None, "{good}");
        }
        for bad in ["", "1234567", &"x".repeat(257)] {
            assert!(wrong(bad).is_some(), "{bad}");
        }
    }
}
