//! The table `ingresses`.

use sqlx::any::AnyRow;
use sqlx::{AssertSqlSafe, Row as _};

use super::rooms::room_name;
use super::{Store, bounded, retried};
use crate::{Error, Ingress};

const COLUMNS: &str = "id, name, room, identity, participant_name, created_at_utc_ms";

fn ingress(row: &AnyRow) -> Result<Ingress, sqlx::Error> {
    Ok(Ingress {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        room: room_name(row, "room")?,
        identity: row.try_get("identity")?,
        participant_name: row.try_get("participant_name")?,
        created_at_utc_ms: row.try_get("created_at_utc_ms")?,
    })
}

impl Store {
    /// Adds one, unless `ingresses_max` are there already.
    pub(crate) async fn insert_ingress(&self, ingress: &Ingress, ingresses_max: u32) -> Result<(), Error> {
        let insert = format!(
            "INSERT INTO ingresses ({COLUMNS}) SELECT $1, $2, $3, $4, $5, $6 \
             WHERE (SELECT count(*) FROM ingresses) < $7"
        );
        retried(|| async {
            let mut transaction = self.begin().await?;
            let insert = sqlx::query(AssertSqlSafe(insert.clone()))
                .bind(&ingress.id)
                .bind(&ingress.name)
                .bind(ingress.room.as_str())
                .bind(&ingress.identity)
                .bind(&ingress.participant_name)
                .bind(ingress.created_at_utc_ms)
                .bind(i64::from(ingresses_max));
            if insert.execute(&mut *transaction).await?.rows_affected() == 0 {
                return Err(Error::TooManyIngresses(ingresses_max));
            }
            Ok(transaction.commit().await?)
        })
        .await
    }

    /// All of them, the oldest first.
    pub(crate) async fn ingresses(&self) -> Result<Vec<Ingress>, Error> {
        let select = format!("SELECT {COLUMNS} FROM ingresses ORDER BY created_at_utc_ms, id");
        let rows = bounded(sqlx::query(AssertSqlSafe(select)).fetch_all(&self.pool)).await?;
        Ok(rows.iter().map(ingress).collect::<Result<_, _>>()?)
    }

    /// Removes one, and returns it.
    pub(crate) async fn delete_ingress(&self, id: &str) -> Result<Ingress, Error> {
        let delete = format!("DELETE FROM ingresses WHERE id = $1 RETURNING {COLUMNS}");
        retried(|| async {
            let mut transaction = self.begin().await?;
            let delete = sqlx::query(AssertSqlSafe(delete.clone())).bind(id);
            let row = delete.fetch_optional(&mut *transaction).await?.ok_or(Error::UnknownIngress)?;
            transaction.commit().await?;
            Ok(ingress(&row)?)
        })
        .await
    }
}
