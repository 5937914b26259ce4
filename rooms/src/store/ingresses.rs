//! The table `ingresses`.

use access::RoomName;
use sqlx::AssertSqlSafe;

use super::Store;
use crate::{Error, Ingress};

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    name: String,
    #[sqlx(try_from = "String")]
    room: RoomName,
    identity: String,
    participant_name: String,
    created_at_utc_ms: i64,
}

impl From<Row> for Ingress {
    fn from(row: Row) -> Self {
        let Row { id, name, room, identity, participant_name, created_at_utc_ms } = row;
        Self { id, name, room, identity, participant_name, created_at_utc_ms }
    }
}

const COLUMNS: &str = "id, name, room, identity, participant_name, created_at_utc_ms";

impl Store {
    /// Adds one, unless `ingresses_max` are there already.
    pub(crate) async fn insert_ingress(&self, ingress: &Ingress, ingresses_max: u32) -> Result<(), Error> {
        let insert = format!(
            "INSERT INTO ingresses ({COLUMNS}) SELECT ?, ?, ?, ?, ?, ? WHERE (SELECT count(*) FROM ingresses) < ?"
        );
        let insert = sqlx::query(AssertSqlSafe(insert))
            .bind(&ingress.id)
            .bind(&ingress.name)
            .bind(ingress.room.as_str())
            .bind(&ingress.identity)
            .bind(&ingress.participant_name)
            .bind(ingress.created_at_utc_ms)
            .bind(ingresses_max);
        let done = insert.execute(&self.pool).await?;
        if done.rows_affected() == 0 { Err(Error::TooManyIngresses(ingresses_max)) } else { Ok(()) }
    }

    /// All of them, the oldest first.
    pub(crate) async fn ingresses(&self) -> Result<Vec<Ingress>, Error> {
        let select = format!("SELECT {COLUMNS} FROM ingresses ORDER BY created_at_utc_ms, id");
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(select)).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(Ingress::from).collect())
    }

    /// Removes one, and returns it.
    pub(crate) async fn delete_ingress(&self, id: &str) -> Result<Ingress, Error> {
        let delete = format!("DELETE FROM ingresses WHERE id = ? RETURNING {COLUMNS}");
        let row: Option<Row> = sqlx::query_as(AssertSqlSafe(delete)).bind(id).fetch_optional(&self.pool).await?;
        row.map(Ingress::from).ok_or(Error::UnknownIngress)
    }
}
