//! The table `rooms`.

use std::str::FromStr as _;

use access::RoomName;
use sqlx::any::{AnyArguments, AnyRow};
use sqlx::{Any, AssertSqlSafe, Row as _};

use super::{Store, bounded, retried};
use crate::facts::FACTS_MAX;
use crate::settings::{Word, setting_of, stored_word};
use crate::{BroadcastSwitch, Error, Fact, Layout, Order, Room};

fn room(row: &AnyRow) -> Result<Room, sqlx::Error> {
    Ok(Room {
        name: room_name(row, "name")?,
        title: row.try_get("title")?,
        // A word that only a later version knows falls back to the default.
        layout: serde_json::from_str(row.try_get("layout")?).unwrap_or_default(),
        broadcast: BroadcastSwitch {
            setting: setting(row, "broadcast")?,
            on_at_utc_ms: row.try_get("broadcast_on_at_utc_ms")?,
            off_at_utc_ms: row.try_get("broadcast_off_at_utc_ms")?,
        },
        visibility: setting(row, "visibility")?,
        record: setting(row, "record")?,
        metadata: row.try_get("metadata")?,
        created_at_utc_ms: row.try_get("created_at_utc_ms")?,
        idle_end_seconds: count(row, "idle_end_seconds")?,
        // Thresholds that only a later version knows fall back to the default.
        audience: serde_json::from_str(row.try_get("audience")?).unwrap_or_default(),
    })
}

/// A name that was one when it was written.
pub(super) fn room_name(row: &AnyRow, column: &str) -> Result<RoomName, sqlx::Error> {
    RoomName::from_str(row.try_get(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
}

fn setting<S: Word + Default>(row: &AnyRow, column: &str) -> Result<S, sqlx::Error> {
    row.try_get(column).map(setting_of)
}

fn count(row: &AnyRow, column: &str) -> Result<u32, sqlx::Error> {
    u32::try_from(row.try_get::<i64, _>(column)?).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// Those that change, in the order in which [`bound`] binds them.
const CHANGING: [&str; 9] = [
    "title",
    "layout",
    "metadata",
    "broadcast_on_at_utc_ms",
    "broadcast_off_at_utc_ms",
    "broadcast",
    "visibility",
    "record",
    "audience",
];
const FIXED: &str = "name, created_at_utc_ms, idle_end_seconds";

/// The numbers in the outbox of what a change of a room gave rise to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) order: Option<i64>,
    pub(crate) fact: Option<i64>,
}

type Query = sqlx::query::Query<'static, Any, AnyArguments>;

/// Binds the columns that change.
fn bound(query: Query, room: &Room) -> Query {
    query
        .bind(room.title.clone())
        .bind(layout_text(&room.layout))
        .bind(room.metadata.clone())
        .bind(room.broadcast.on_at_utc_ms)
        .bind(room.broadcast.off_at_utc_ms)
        .bind(stored_word(room.broadcast.setting))
        .bind(stored_word(room.visibility))
        .bind(stored_word(room.record))
        .bind(serde_json::to_string(&room.audience).unwrap_or_default())
}

fn layout_text(layout: &Layout) -> String {
    serde_json::to_string(layout).unwrap_or_default()
}

impl Store {
    /// Adds a room, unless `rooms_max` are there already. There must be none of its name.
    pub(crate) async fn insert_room(&self, room: &Room, rooms_max: u32) -> Result<(), Error> {
        let insert = format!(
            "INSERT INTO rooms ({}, {FIXED}) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12 \
             WHERE (SELECT count(*) FROM rooms) < $13",
            CHANGING.join(", ")
        );
        retried(|| async {
            let mut transaction = self.begin().await?;
            let insert = bound(sqlx::query(AssertSqlSafe(insert.clone())), room)
                .bind(room.name.to_string())
                .bind(room.created_at_utc_ms)
                .bind(i64::from(room.idle_end_seconds))
                .bind(i64::from(rooms_max));
            match insert.execute(&mut *transaction).await {
                Ok(done) if done.rows_affected() == 0 => Err(Error::TooManyRooms(rooms_max)),
                Ok(_) => Ok(transaction.commit().await?),
                Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(Error::RoomExists),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }

    /// Every room, by name.
    pub(crate) async fn rooms(&self) -> Result<Vec<Room>, Error> {
        let select = format!("SELECT {}, {FIXED} FROM rooms ORDER BY name", CHANGING.join(", "));
        let rows = bounded(sqlx::query(AssertSqlSafe(select)).fetch_all(&self.pool)).await?;
        Ok(rows.iter().map(room).collect::<Result<_, _>>()?)
    }

    /// One room.
    pub(crate) async fn room(&self, name: &str) -> Result<Room, Error> {
        let select = format!("SELECT {}, {FIXED} FROM rooms WHERE name = $1", CHANGING.join(", "));
        let row = bounded(sqlx::query(AssertSqlSafe(select)).bind(name).fetch_optional(&self.pool)).await?;
        Ok(room(&row.ok_or(Error::UnknownRoom)?)?)
    }

    /// Changes a room, and writes the order and the fact that follow from it. Returns their numbers.
    pub(crate) async fn update_room(
        &self,
        room: &Room,
        order: Option<&Order>,
        fact: Option<&Fact>,
        orders_max: u32,
    ) -> Result<Written, Error> {
        let columns = CHANGING.iter().enumerate().map(|(index, column)| format!("{column} = ${}", index + 1));
        let columns = columns.collect::<Vec<_>>().join(", ");
        let update = format!("UPDATE rooms SET {columns} WHERE name = ${}", CHANGING.len() + 1);
        retried(|| async {
            let mut transaction = self.begin().await?;
            let update = bound(sqlx::query(AssertSqlSafe(update.clone())), room).bind(room.name.to_string());
            if update.execute(&mut *transaction).await?.rows_affected() == 0 {
                return Err(Error::UnknownRoom);
            }
            let order = match order {
                Some(order) => Some(Self::push_order(&mut transaction, order, orders_max).await?),
                None => None,
            };
            let fact = match fact {
                Some(fact) => {
                    let seq = Self::push_fact(&mut transaction, fact).await?;
                    Self::trim_facts(&mut transaction, FACTS_MAX).await?;
                    Some(seq)
                }
                None => None,
            };
            transaction.commit().await?;
            Ok(Written { order, fact })
        })
        .await
    }

    /// Notes that leases of seats in a room may run until then.
    pub(crate) async fn note_leases(&self, name: &RoomName, until_utc_ms: i64) -> Result<(), Error> {
        let update = "UPDATE rooms SET leases_until_utc_ms = $1 WHERE name = $2";
        retried(|| async {
            let mut transaction = self.begin().await?;
            let update = sqlx::query(update).bind(until_utc_ms).bind(name.to_string());
            if update.execute(&mut *transaction).await?.rows_affected() == 0 {
                return Err(Error::UnknownRoom);
            }
            Ok(transaction.commit().await?)
        })
        .await
    }

    /// Until when leases of seats may run that were noted, by room; those that are over are left out.
    pub(crate) async fn noted_leases(&self, now_utc_ms: i64) -> Result<Vec<(RoomName, i64)>, Error> {
        let select = "SELECT name, leases_until_utc_ms FROM rooms WHERE leases_until_utc_ms > $1";
        let rows = bounded(sqlx::query(select).bind(now_utc_ms).fetch_all(&self.pool)).await?;
        let noted = rows.iter().map(|row| Ok((room_name(row, "name")?, row.try_get("leases_until_utc_ms")?)));
        Ok(noted.collect::<Result<_, sqlx::Error>>()?)
    }

    /// Removes a room, and writes that order. Returns its number.
    pub(crate) async fn delete_room(&self, name: &RoomName, orders_max: u32) -> Result<i64, Error> {
        let order = Order::Deleted { room: name.clone() };
        retried(|| async {
            let mut transaction = self.begin().await?;
            let delete = sqlx::query("DELETE FROM rooms WHERE name = $1").bind(name.to_string());
            if delete.execute(&mut *transaction).await?.rows_affected() == 0 {
                return Err(Error::UnknownRoom);
            }
            let seq = Self::push_order(&mut transaction, &order, orders_max).await?;
            transaction.commit().await?;
            Ok(seq)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_read_as_the_api_documents_them() {
        for (text, layout) in [
            (r#""grid""#, Layout::Grid),
            (r#""active-speaker""#, Layout::ActiveSpeaker),
            (r#"{"single":"ann"}"#, Layout::Single("ann".into())),
        ] {
            assert_eq!(serde_json::from_str::<Layout>(text).unwrap(), layout);
            assert_eq!(layout_text(&layout), text);
        }
    }
}
