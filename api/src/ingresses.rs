//! The ingresses that exist: who may publish into which room by WHIP, as LiveKit's API made them. In the file of the
//! rooms.
//!
//! Asked by `livekit/twirp/ingress.rs`, and before every WHIP POST with an ingress's key.

use sqlx::{AssertSqlSafe, FromRow, SqlitePool};

use crate::Error;
use crate::rooms::Rooms;

/// An ingress, as stored.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct Ingress {
    /// `IN_…`, unique.
    pub(crate) id: String,
    /// For people.
    pub(crate) name: String,
    /// Where it leads. The room need not exist yet.
    pub(crate) room: String,
    /// As whom.
    pub(crate) identity: String,
    /// What to call them.
    pub(crate) participant_name: String,
    /// UTC, milliseconds since the Unix epoch.
    pub(crate) created_at_utc_ms: i64,
}

const COLUMNS: &str = "id, name, room, identity, participant_name, created_at_utc_ms";

/// The store. Cheap to make.
pub(crate) struct Ingresses<'a> {
    pool: &'a SqlitePool,
}

impl Rooms {
    /// What is stored beside them.
    pub(crate) fn ingresses(&self) -> Ingresses<'_> {
        Ingresses { pool: &self.pool }
    }
}

impl Ingresses<'_> {
    /// Adds one, unless `ingresses_max` are there already.
    pub(crate) async fn create(&self, ingress: &Ingress, ingresses_max: u32) -> Result<(), Error> {
        let insert = format!(
            "INSERT INTO ingresses ({COLUMNS}) SELECT ?, ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM ingresses) < ?"
        );
        let insert = sqlx::query(AssertSqlSafe(insert))
            .bind(&ingress.id)
            .bind(&ingress.name)
            .bind(&ingress.room)
            .bind(&ingress.identity)
            .bind(&ingress.participant_name)
            .bind(ingress.created_at_utc_ms)
            .bind(ingresses_max);
        let done = insert.execute(self.pool).await.map_err(Error::Database)?;
        if done.rows_affected() == 0 { Err(Error::TooManyIngresses(ingresses_max)) } else { Ok(()) }
    }

    /// All of them, the oldest first.
    pub(crate) async fn list(&self) -> Result<Vec<Ingress>, Error> {
        let select = format!("SELECT {COLUMNS} FROM ingresses ORDER BY created_at_utc_ms, id");
        sqlx::query_as(AssertSqlSafe(select)).fetch_all(self.pool).await.map_err(Error::Database)
    }

    /// Whether there is one of this id.
    pub(crate) async fn exists(&self, id: &str) -> Result<bool, Error> {
        let select = sqlx::query("SELECT 1 FROM ingresses WHERE id = ?").bind(id);
        Ok(select.fetch_optional(self.pool).await.map_err(Error::Database)?.is_some())
    }

    /// Removes one; what it was.
    pub(crate) async fn delete(&self, id: &str) -> Result<Ingress, Error> {
        let delete = format!("DELETE FROM ingresses WHERE id = ? RETURNING {COLUMNS}");
        let delete = sqlx::query_as(AssertSqlSafe(delete)).bind(id);
        delete.fetch_optional(self.pool).await.map_err(Error::Database)?.ok_or(Error::UnknownIngress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ingress(id: &str, created_at_utc_ms: i64) -> Ingress {
        Ingress {
            id: id.into(),
            name: "camera 1".into(),
            room: "demo".into(),
            identity: "ann".into(),
            participant_name: "Ann".into(),
            created_at_utc_ms,
        }
    }

    #[tokio::test]
    async fn ingresses_survive_a_restart_and_are_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let rooms = Rooms::open(&path).await.unwrap();
        for (number, id) in ["IN_b", "IN_a"].into_iter().enumerate() {
            rooms.ingresses().create(&ingress(id, number as i64), 2).await.unwrap();
        }
        let third = rooms.ingresses().create(&ingress("IN_c", 3), 2).await;
        assert!(matches!(third, Err(Error::TooManyIngresses(2))));
        rooms.close().await;

        let rooms = Rooms::open(&path).await.unwrap();
        assert_eq!(rooms.ingresses().list().await.unwrap(), [ingress("IN_b", 0), ingress("IN_a", 1)]);
        assert_eq!(rooms.ingresses().delete("IN_b").await.unwrap(), ingress("IN_b", 0));
        assert!(matches!(rooms.ingresses().delete("IN_b").await, Err(Error::UnknownIngress)));
        assert!(!rooms.ingresses().exists("IN_b").await.unwrap() && rooms.ingresses().exists("IN_a").await.unwrap());
    }
}
