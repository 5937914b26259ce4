//! The ingresses that exist: who may publish into which room by WHIP, as LiveKit's API made them.

use std::sync::{Arc, PoisonError};

use access::RoomName;

use crate::Error;
use crate::directory::{Rooms, to_the_end};

/// An ingress, as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ingress {
    /// `IN_…`, unique.
    pub id: String,
    /// For people.
    pub name: String,
    /// The room it leads to, which need not exist yet.
    pub room: RoomName,
    /// The identity that publishes by it.
    pub identity: String,
    /// The name that they are called by.
    pub participant_name: String,
    /// UTC, milliseconds since the Unix epoch.
    pub created_at_utc_ms: i64,
}

impl Rooms {
    /// Adds an ingress, unless `ingresses_max` are there already.
    pub async fn create_ingress(&self, ingress: Ingress, ingresses_max: u32) -> Result<(), Error> {
        if [&ingress.name, &ingress.participant_name].into_iter().any(|text| text.contains('\0')) {
            return Err(Error::Invalid("names must hold no character NUL".to_owned()));
        }
        let inner = self.inner.clone();
        to_the_end(async move {
            let _turn = inner.turn().await?;
            inner.noted(inner.store.insert_ingress(&ingress, ingresses_max).await)?;
            let mut ingresses = inner.ingresses.write().unwrap_or_else(PoisonError::into_inner);
            ingresses.insert(ingress.id, ingress.room);
            Ok(())
        })
        .await
    }

    /// All of them, the oldest first.
    pub async fn ingresses(&self) -> Result<Vec<Ingress>, Error> {
        self.inner.store.ingresses().await
    }

    /// Deletes an ingress: nobody enters by its key from now on. Those who are entering are waited for; then `remove`
    /// takes whoever publishes by it off the stage. Returns the ingress and what `remove` returned.
    pub async fn delete_ingress<T, F>(
        &self,
        id: &str,
        remove: impl FnOnce(Ingress) -> F + Send + 'static,
    ) -> Result<(Ingress, T), Error>
    where
        T: Send + 'static,
        F: Future<Output = T> + Send,
    {
        let (inner, id) = (Arc::clone(&self.inner), id.to_owned());
        to_the_end(async move {
            let room = inner.ingress_room(&id).ok_or(Error::UnknownIngress)?;
            let _shut = inner.doors.shut(&room).await;
            let deleted = {
                let _turn = inner.turn().await?;
                let deleted = inner.noted(inner.store.delete_ingress(&id).await);
                // Where the database says that there is none, there is none.
                if matches!(deleted, Ok(_) | Err(Error::UnknownIngress)) {
                    inner.ingresses.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
                }
                deleted?
            };
            let removed = remove(deleted.clone()).await;
            Ok((deleted, removed))
        })
        .await
    }
}
