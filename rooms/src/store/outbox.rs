//! The tables `outbox` and `outbox_cursors`.

use sqlx::{Sqlite, Transaction};

use super::Store;
use crate::{Error, Order};

impl Store {
    /// Writes an order within the transaction of its cause, and returns its number.
    pub(super) async fn push_order(
        transaction: &mut Transaction<'static, Sqlite>,
        order: &Order,
        orders_max: u32,
    ) -> Result<i64, Error> {
        let insert = "INSERT INTO outbox (room, kind, body) SELECT ?, ?, ? \
            WHERE (SELECT count(*) FROM outbox) < ? RETURNING seq";
        let insert = sqlx::query_scalar(insert)
            .bind(order.room().as_str())
            .bind(order.kind())
            .bind(serde_json::to_string(order).unwrap_or_default())
            .bind(orders_max);
        insert.fetch_optional(&mut **transaction).await?.ok_or(Error::Busy)
    }

    /// Notes a follower who is to be told of all orders from now on. Returns its cursor: the last order there was.
    pub(crate) async fn follow_orders(&self, consumer: &str) -> Result<i64, Error> {
        let newest = self.newest_order().await?;
        let upsert = "INSERT INTO outbox_cursors (consumer, seq) VALUES (?, ?) \
            ON CONFLICT (consumer) DO UPDATE SET seq = excluded.seq";
        sqlx::query(upsert).bind(consumer).bind(newest).execute(&self.pool).await?;
        self.orders_done(consumer, newest).await?;
        Ok(newest)
    }

    /// The number of the newest order there ever was; 0: there was none.
    pub(crate) async fn newest_order(&self) -> Result<i64, Error> {
        let select = "SELECT max(coalesce((SELECT max(seq) FROM outbox), 0), \
            coalesce((SELECT max(seq) FROM outbox_cursors), 0))";
        Ok(sqlx::query_scalar(select).fetch_one(&self.pool).await?)
    }

    /// The first order after that number: its own number, and its JSON.
    pub(crate) async fn order_after(&self, seq: i64) -> Result<Option<(i64, String)>, Error> {
        let select = "SELECT seq, body FROM outbox WHERE seq > ? ORDER BY seq LIMIT 1";
        Ok(sqlx::query_as(select).bind(seq).fetch_optional(&self.pool).await?)
    }

    /// The follower has done all orders up to that one. Those that all followers have done are deleted.
    pub(crate) async fn orders_done(&self, consumer: &str, seq: i64) -> Result<(), Error> {
        let mut transaction = self.begin().await?;
        let update = sqlx::query("UPDATE outbox_cursors SET seq = ? WHERE consumer = ?").bind(seq).bind(consumer);
        update.execute(&mut *transaction).await?;
        let delete = sqlx::query("DELETE FROM outbox WHERE seq <= (SELECT min(seq) FROM outbox_cursors)");
        delete.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}
