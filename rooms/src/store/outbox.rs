//! Orders in the tables `outbox` and `outbox_cursors`. The facts in them are in `facts.rs`.

use sqlx::{Any, Executor, Row as _, Transaction};

use super::{Store, bounded, retried};
use crate::{Error, Order};

impl Store {
    /// Writes an order within the transaction of its cause, and returns its number.
    pub(super) async fn push_order(
        transaction: &mut Transaction<'static, Any>,
        order: &Order,
        orders_max: u32,
    ) -> Result<i64, Error> {
        let insert = "INSERT INTO outbox (topic, room, kind, body) SELECT 'orders', $1, $2, $3 \
            WHERE (SELECT count(*) FROM outbox WHERE topic = 'orders') < $4 RETURNING seq";
        let insert = sqlx::query_scalar(insert)
            .bind(order.room().as_str())
            .bind(order.kind())
            .bind(serde_json::to_string(order).unwrap_or_default())
            .bind(i64::from(orders_max));
        insert.fetch_optional(&mut **transaction).await?.ok_or(Error::Busy)
    }

    /// Notes a follower who is to be told of all orders from now on. Returns its cursor: the last order there was.
    pub(crate) async fn follow_orders(&self, consumer: &str) -> Result<i64, Error> {
        retried(|| async {
            let mut transaction = self.begin().await?;
            let newest = newest(&mut *transaction, "orders").await?;
            let upsert = "INSERT INTO outbox_cursors (topic, consumer, seq) VALUES ('orders', $1, $2) \
                ON CONFLICT (consumer) DO UPDATE SET seq = excluded.seq";
            sqlx::query(upsert).bind(consumer).bind(newest).execute(&mut *transaction).await?;
            delete_done(&mut transaction).await?;
            transaction.commit().await?;
            Ok(newest)
        })
        .await
    }

    /// The number of the newest order there ever was; 0: there was none.
    pub(crate) async fn newest_order(&self) -> Result<i64, Error> {
        bounded(newest(&self.pool, "orders")).await
    }

    /// The first order after that number: its own number, and its JSON.
    pub(crate) async fn order_after(&self, seq: i64) -> Result<Option<(i64, String)>, Error> {
        let select = "SELECT seq, body FROM outbox WHERE topic = 'orders' AND seq > $1 ORDER BY seq LIMIT 1";
        let row = bounded(sqlx::query(select).bind(seq).fetch_optional(&self.pool)).await?;
        row.map(|row| Ok((row.try_get("seq")?, row.try_get("body")?))).transpose()
    }

    /// The follower has done all orders up to that one. Those that all followers have done are deleted.
    pub(crate) async fn orders_done(&self, consumer: &str, seq: i64) -> Result<(), Error> {
        retried(|| async {
            let mut transaction = self.begin().await?;
            advance(&mut transaction, "orders", consumer, seq).await?;
            delete_done(&mut transaction).await?;
            Ok(transaction.commit().await?)
        })
        .await
    }
}

/// The number of a topic's newest entry, which may be deleted.
pub(super) async fn newest(database: impl Executor<'_, Database = Any>, topic: &str) -> Result<i64, sqlx::Error> {
    let select = "SELECT coalesce(max(seq), 0) FROM \
        (SELECT seq FROM outbox WHERE topic = $1 \
        UNION ALL SELECT seq FROM outbox_cursors WHERE topic = $1) AS numbers";
    sqlx::query_scalar(select).bind(topic.to_owned()).fetch_one(database).await
}

/// A follower of a topic has done all its entries up to that one.
pub(super) async fn advance(
    transaction: &mut Transaction<'static, Any>,
    topic: &str,
    consumer: &str,
    seq: i64,
) -> Result<(), sqlx::Error> {
    let update = sqlx::query("UPDATE outbox_cursors SET seq = $1 WHERE topic = $2 AND consumer = $3");
    update.bind(seq).bind(topic.to_owned()).bind(consumer.to_owned()).execute(&mut **transaction).await.map(drop)
}

async fn delete_done(transaction: &mut Transaction<'static, Any>) -> Result<(), sqlx::Error> {
    let delete = sqlx::query(
        "DELETE FROM outbox WHERE topic = 'orders' \
        AND seq <= (SELECT min(seq) FROM outbox_cursors WHERE topic = 'orders')",
    );
    delete.execute(&mut **transaction).await.map(drop)
}
