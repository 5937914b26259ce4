//! The table `rooms`.

use access::RoomName;
use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Sqlite};

use super::Store;
use crate::settings::{setting_of, stored_word};
use crate::{BroadcastSwitch, Error, Layout, Order, Room};

#[derive(sqlx::FromRow)]
struct Row {
    #[sqlx(try_from = "String")]
    name: RoomName,
    title: String,
    layout: String,
    metadata: String,
    created_at_utc_ms: i64,
    idle_end_seconds: u32,
    participants_max: u32,
    broadcast_on_at_utc_ms: i64,
    broadcast_off_at_utc_ms: Option<i64>,
    broadcast: String,
    visibility: String,
    record: String,
}

impl From<Row> for Room {
    fn from(row: Row) -> Self {
        Self {
            // A word that only a later version knows falls back to the default.
            layout: serde_json::from_str(&row.layout).unwrap_or_default(),
            broadcast: BroadcastSwitch {
                setting: setting_of(&row.broadcast),
                on_at_utc_ms: row.broadcast_on_at_utc_ms,
                off_at_utc_ms: row.broadcast_off_at_utc_ms,
            },
            visibility: setting_of(&row.visibility),
            record: setting_of(&row.record),
            name: row.name,
            title: row.title,
            metadata: row.metadata,
            created_at_utc_ms: row.created_at_utc_ms,
            idle_end_seconds: row.idle_end_seconds,
            participants_max: row.participants_max,
        }
    }
}

/// Those that change, in the order in which [`bound`] binds them.
const CHANGING: [&str; 8] = [
    "title",
    "layout",
    "metadata",
    "broadcast_on_at_utc_ms",
    "broadcast_off_at_utc_ms",
    "broadcast",
    "visibility",
    "record",
];
const FIXED: &str = "name, created_at_utc_ms, idle_end_seconds, participants_max";

type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

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
}

fn layout_text(layout: &Layout) -> String {
    serde_json::to_string(layout).unwrap_or_default()
}

impl Store {
    /// Adds a room, unless `rooms_max` are there already. There must be none of its name.
    pub(crate) async fn insert_room(&self, room: &Room, rooms_max: u32) -> Result<(), Error> {
        let insert = format!(
            "INSERT INTO rooms ({}, {FIXED}) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? \
             WHERE (SELECT count(*) FROM rooms) < ?",
            CHANGING.join(", ")
        );
        let insert = bound(sqlx::query(AssertSqlSafe(insert)), room)
            .bind(room.name.to_string())
            .bind(room.created_at_utc_ms)
            .bind(room.idle_end_seconds)
            .bind(room.participants_max)
            .bind(rooms_max);
        match insert.execute(&self.pool).await {
            Ok(done) if done.rows_affected() == 0 => Err(Error::TooManyRooms(rooms_max)),
            Ok(_) => Ok(()),
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Err(Error::RoomExists),
            Err(error) => Err(error.into()),
        }
    }

    /// Every room, by name.
    pub(crate) async fn rooms(&self) -> Result<Vec<Room>, Error> {
        let select = format!("SELECT {}, {FIXED} FROM rooms ORDER BY name", CHANGING.join(", "));
        let rows: Vec<Row> = sqlx::query_as(AssertSqlSafe(select)).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(Room::from).collect())
    }

    /// One room.
    pub(crate) async fn room(&self, name: &str) -> Result<Room, Error> {
        let select = format!("SELECT {}, {FIXED} FROM rooms WHERE name = ?", CHANGING.join(", "));
        let row: Option<Row> = sqlx::query_as(AssertSqlSafe(select)).bind(name).fetch_optional(&self.pool).await?;
        row.map(Room::from).ok_or(Error::UnknownRoom)
    }

    /// Changes a room, and writes the order that follows from it. Returns the order's number.
    pub(crate) async fn update_room(
        &self,
        room: &Room,
        order: Option<&Order>,
        orders_max: u32,
    ) -> Result<Option<i64>, Error> {
        let mut transaction = self.begin().await?;
        let update = format!("UPDATE rooms SET {} = ? WHERE name = ?", CHANGING.join(" = ?, "));
        let update = bound(sqlx::query(AssertSqlSafe(update)), room).bind(room.name.to_string());
        if update.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Err(Error::UnknownRoom);
        }
        let seq = match order {
            Some(order) => Some(Self::push_order(&mut transaction, order, orders_max).await?),
            None => None,
        };
        transaction.commit().await?;
        Ok(seq)
    }

    /// Removes a room, and writes that order. Returns its number.
    pub(crate) async fn delete_room(&self, name: &RoomName, orders_max: u32) -> Result<i64, Error> {
        let mut transaction = self.begin().await?;
        let delete = sqlx::query("DELETE FROM rooms WHERE name = ?").bind(name.to_string());
        if delete.execute(&mut *transaction).await?.rows_affected() == 0 {
            return Err(Error::UnknownRoom);
        }
        let order = Order::Deleted { room: name.clone() };
        let seq = Self::push_order(&mut transaction, &order, orders_max).await?;
        transaction.commit().await?;
        Ok(seq)
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
