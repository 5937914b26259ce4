//! Facts in the tables `outbox` and `outbox_cursors`. The orders in them are in `outbox.rs`.

use access::RoomName;
use sqlx::{Any, Row as _, Transaction};

use super::outbox::{advance, newest};
use super::rooms::room_name;
use super::{Store, bounded, retried};
use crate::{Error, Fact};

impl Store {
    /// Writes a fact within the transaction of its cause, and returns its number.
    pub(super) async fn push_fact(transaction: &mut Transaction<'static, Any>, fact: &Fact) -> Result<i64, Error> {
        let insert = "INSERT INTO outbox (topic, room, kind, body) VALUES ('facts', $1, $2, $3) RETURNING seq";
        let insert = sqlx::query_scalar(insert)
            .bind(fact.room.to_string())
            .bind(fact.kind.name())
            .bind(serde_json::to_string(fact).unwrap_or_default());
        Ok(insert.fetch_one(&mut **transaction).await?)
    }

    /// Deletes the oldest facts beyond that number.
    pub(super) async fn trim_facts(
        transaction: &mut Transaction<'static, Any>,
        facts_max: u32,
    ) -> Result<(), sqlx::Error> {
        let delete = "DELETE FROM outbox WHERE topic = 'facts' AND seq <= \
            (SELECT seq FROM outbox WHERE topic = 'facts' ORDER BY seq DESC LIMIT 1 OFFSET $1)";
        sqlx::query(delete).bind(i64::from(facts_max)).execute(&mut **transaction).await.map(drop)
    }

    /// Writes facts in their order, and deletes the oldest beyond `facts_max`. Returns the number of the last one.
    pub(crate) async fn push_facts(&self, facts: &[Fact], facts_max: u32) -> Result<i64, Error> {
        retried(|| async {
            let mut transaction = self.begin().await?;
            let mut newest = 0;
            for fact in facts {
                newest = Self::push_fact(&mut transaction, fact).await?;
            }
            Self::trim_facts(&mut transaction, facts_max).await?;
            transaction.commit().await?;
            Ok(newest)
        })
        .await
    }

    /// Notes who follows the facts: those alone, each from where it was, or from now on if it is new. Returns their
    /// cursors.
    pub(crate) async fn follow_facts(&self, consumers: &[String]) -> Result<Vec<i64>, Error> {
        let insert = "INSERT INTO outbox_cursors (topic, consumer, seq) VALUES ('facts', $1, $2) \
            ON CONFLICT (consumer) DO NOTHING";
        retried(|| async {
            let mut transaction = self.begin().await?;
            let known = sqlx::query_scalar("SELECT consumer FROM outbox_cursors WHERE topic = 'facts'");
            let known: Vec<String> = known.fetch_all(&mut *transaction).await?;
            for gone in known.into_iter().filter(|known| !consumers.contains(known)) {
                let delete = sqlx::query("DELETE FROM outbox_cursors WHERE topic = 'facts' AND consumer = $1");
                delete.bind(gone).execute(&mut *transaction).await?;
            }
            let (newest, mut cursors) = (newest(&mut *transaction, "facts").await?, vec![]);
            for consumer in consumers {
                sqlx::query(insert).bind(consumer.clone()).bind(newest).execute(&mut *transaction).await?;
                let select =
                    sqlx::query_scalar("SELECT seq FROM outbox_cursors WHERE topic = 'facts' AND consumer = $1");
                cursors.push(select.bind(consumer.clone()).fetch_one(&mut *transaction).await?);
            }
            delete_done(&mut transaction).await?;
            transaction.commit().await?;
            Ok(cursors)
        })
        .await
    }

    /// The number of the newest fact there ever was; 0: there was none.
    pub(crate) async fn newest_fact(&self) -> Result<i64, Error> {
        bounded(newest(&self.pool, "facts")).await
    }

    /// The numbers and rooms of facts after that number, in order, at most so many.
    pub(crate) async fn facts_after(&self, seq: i64, count_max: u32) -> Result<Vec<(i64, RoomName)>, Error> {
        let select = "SELECT seq, room FROM outbox WHERE topic = 'facts' AND seq > $1 ORDER BY seq LIMIT $2";
        let select = sqlx::query(select).bind(seq).bind(i64::from(count_max));
        let rows = bounded(select.fetch_all(&self.pool)).await?;
        let facts = rows.iter().map(|row| Ok((row.try_get("seq")?, room_name(row, "room")?)));
        Ok(facts.collect::<Result<_, sqlx::Error>>()?)
    }

    /// A fact's JSON; `None`: it is deleted.
    pub(crate) async fn fact(&self, seq: i64) -> Result<Option<String>, Error> {
        let select = sqlx::query_scalar("SELECT body FROM outbox WHERE topic = 'facts' AND seq = $1").bind(seq);
        bounded(select.fetch_optional(&self.pool)).await
    }

    /// The follower has done all facts up to that one. Those that all followers have done are deleted.
    pub(crate) async fn facts_done(&self, consumer: &str, seq: i64) -> Result<(), Error> {
        retried(|| async {
            let mut transaction = self.begin().await?;
            advance(&mut transaction, "facts", consumer, seq).await?;
            delete_done(&mut transaction).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }
}

/// Facts without any follower are done.
async fn delete_done(transaction: &mut Transaction<'static, Any>) -> Result<(), sqlx::Error> {
    let delete = sqlx::query(
        "DELETE FROM outbox WHERE topic = 'facts' AND NOT EXISTS \
        (SELECT 1 FROM outbox_cursors WHERE outbox_cursors.topic = 'facts' AND outbox_cursors.seq < outbox.seq)",
    );
    delete.execute(&mut **transaction).await.map(drop)
}
