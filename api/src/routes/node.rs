//! `/v1/node`: the node and its drain, for operators.

use std::time::{Duration, Instant, SystemTime};

use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use rooms::overflow::Admission;
use serde::Serialize;
use utoipa::ToSchema;

use super::rooms::view::{rfc3339, uncached};
use crate::app::App;
use crate::node::{DrainOrder, DrainProgress, NodeStatus};
use crate::openapi::{Routes, Tag, TokenRefused, routes};
use crate::problem::Problem;
use crate::{Error, auth};

/// The longest that an order waits for the node to follow it. It looks for orders at once.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(5);

pub(crate) fn routes() -> Routes {
    routes!(Tag::Server, get_node, drain_node, undrain_node)
}

/// The node as it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Node)]
struct NodeView {
    /// `open`: by the limits of each room. `busy`: only speakers and hosts. `draining`: nobody.
    #[schema(value_type = String, example = "open")]
    admission: &'static str,
    /// Seats that are taken, all rooms together.
    seats_taken: u64,
    /// Bits that the node sends to seats, a second.
    egress_bits_per_second: u64,
    /// Packets that the node sends to seats, a second.
    packets_per_second: u64,
    /// Of all cores, percent.
    cpu_percent: u32,
    /// The drain, if one is under way.
    #[schema(required = true)]
    drain: Option<DrainView>,
}

/// A drain and how far it has come.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Drain)]
struct DrainView {
    #[schema(format = DateTime)]
    since: String,
    /// Seats that were taken when it began.
    seats_before: u64,
    /// Seats that are taken still.
    seats_left: u64,
    /// When everybody has been moved to the broadcast who can be. Whoever is in a seat then is sent away; LiveKit's
    /// clients are told to connect again, which leads them to another server.
    #[schema(format = DateTime)]
    ends_by: String,
    /// Nobody has a seat any more: the server can be ended.
    is_over: bool,
}

impl From<NodeStatus> for NodeView {
    fn from(status: NodeStatus) -> Self {
        let NodeStatus { admission, load, seats_taken, drain } = status;
        let view = |DrainProgress { order, seats_before, ends_by_utc }: DrainProgress| DrainView {
            since: rfc3339(order.since_utc.into()),
            seats_before,
            seats_left: seats_taken,
            ends_by: rfc3339(ends_by_utc.into()),
            is_over: seats_taken == 0,
        };
        Self {
            admission: match admission {
                Admission::Open => "open",
                Admission::Busy => "busy",
                Admission::Draining => "draining",
            },
            seats_taken,
            egress_bits_per_second: load.egress_bits_per_second,
            packets_per_second: load.packets_per_second,
            cpu_percent: load.cpu_percent,
            drain: drain.map(view),
        }
    }
}

/// Look at the node.
///
/// Takes an operator's token.
#[utoipa::path(
    get,
    path = "/v1/node",
    security(("accessToken" = [])),
    responses((status = 200, description = "The node as it was within the last second.", body = NodeView), TokenRefused),
)]
async fn get_node(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    auth::may_operate(&auth::grants(&app.keys, &headers)?)?;
    Ok(uncached(NodeView::from(app.node.status())))
}

/// Drain the node.
///
/// Takes an operator's token. From now on nobody gets a new seat, `/readyz` says no, and those in seats are moved to
/// the broadcast, `[node] drain_seats_per_second` of them a second, people on stage last, after
/// `drain_stage_seconds`. Whoever cannot be moved is sent away at `ends_by`. The same request again tells how far the
/// drain has come.
#[utoipa::path(
    put,
    path = "/v1/node/drain",
    security(("accessToken" = [])),
    responses((status = 200, description = "The node, which drains.", body = NodeView), TokenRefused),
)]
async fn drain_node(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    auth::may_operate(&auth::grants(&app.keys, &headers)?)?;
    app.node.drain(DrainOrder { since: Instant::now(), since_utc: SystemTime::now() });
    followed(&app).await
}

/// Call the node's drain off.
///
/// Takes an operator's token. Seats are given again. Those who were moved come back as the rooms' `promote` says.
#[utoipa::path(
    delete,
    path = "/v1/node/drain",
    security(("accessToken" = [])),
    responses((status = 200, description = "The node, which does not drain.", body = NodeView), TokenRefused),
)]
async fn undrain_node(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    auth::may_operate(&auth::grants(&app.keys, &headers)?)?;
    app.node.call_off();
    followed(&app).await
}

async fn followed(app: &App) -> Result<Response, Problem> {
    let settled = tokio::time::timeout(FOLLOWED_WITHIN, app.node.settled()).await;
    Ok(uncached(NodeView::from(settled.map_err(|_| Error::ShuttingDown)?)))
}

#[cfg(test)]
mod tests;
