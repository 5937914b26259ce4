//! Routes that cannot be served without being described.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter, on, options};
use http::StatusCode;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::{OpenApi, OpenApiBuilder};

use super::{Tag, refusals};
use crate::app::App;

/// `routes!(Tag::Rooms, list_rooms, create_room)`: [`Routes`] of handlers with `#[utoipa::path(…)]`, each served by the
/// method and the path of its attribute.
macro_rules! routes {
    ($tag:expr, $($($segment:ident)::+),+ $(,)?) => {{
        let routes = $crate::openapi::Routes::new($tag);
        $(let routes = {
            #[derive(utoipa::OpenApi)]
            #[openapi(paths($($segment)::+))]
            struct Described;
            routes.with(<Described as utoipa::OpenApi>::openapi(), $($segment)::+)
        };)+
        routes
    }};
}
pub(crate) use routes;

/// A router, and the description of its routes.
pub(crate) struct Routes {
    tag: Tag,
    router: Router<App>,
    document: OpenApi,
}

impl Routes {
    /// Routes of a chapter of the document; there are none yet.
    pub(crate) fn new(tag: Tag) -> Self {
        Self { tag, router: Router::new(), document: OpenApiBuilder::new().build() }
    }

    /// Serves `handler` by the methods and paths of its description. [`routes!`] pairs the two.
    pub(crate) fn with<H, T>(mut self, mut described: OpenApi, handler: H) -> Self
    where
        H: Handler<T, App>,
        T: 'static,
    {
        for (path, item) in &mut described.paths.paths {
            for (method, operation) in operations(item) {
                self.router = self.router.route(path, on(method, handler.clone()));
                self.tag.mark(operation);
            }
        }
        self.document.merge(described);
        self
    }

    /// Serves one pattern, of which the paths of `described` are the cases.
    pub(crate) fn with_pattern(mut self, pattern: &str, methods: MethodRouter<App>, mut described: OpenApi) -> Self {
        for item in described.paths.paths.values_mut() {
            operations(item).into_iter().for_each(|(_, operation)| self.tag.mark(operation));
        }
        self.router = self.router.route(pattern, methods);
        self.document.merge(described);
        self
    }

    /// Answers OPTIONS on each path with 204, to which `cors.rs` adds the headers of a preflight. They are not
    /// described.
    pub(crate) fn with_preflights(mut self) -> Self {
        for path in self.document.paths.paths.keys() {
            self.router = self.router.route(path, options(async || StatusCode::NO_CONTENT));
        }
        self
    }

    /// Adds layers.
    pub(crate) fn map(mut self, change: impl FnOnce(Router<App>) -> Router<App>) -> Self {
        self.router = change(self.router);
        self
    }

    pub(crate) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.document.merge(other.document);
        self
    }

    pub(crate) fn document(&self) -> OpenApi {
        self.document.clone()
    }

    pub(crate) fn into_router(self) -> Router<App> {
        self.router
    }
}

impl Tag {
    /// Puts an operation into this chapter, with the refusals that every operation has.
    fn mark(self, operation: &mut Operation) {
        operation.tags = Some(vec![self.name().to_owned()]);
        refusals::add_common(&mut operation.responses);
    }
}

fn operations(item: &mut PathItem) -> Vec<(MethodFilter, &mut Operation)> {
    let all = [
        (MethodFilter::GET, &mut item.get),
        (MethodFilter::PUT, &mut item.put),
        (MethodFilter::POST, &mut item.post),
        (MethodFilter::PATCH, &mut item.patch),
        (MethodFilter::DELETE, &mut item.delete),
        (MethodFilter::OPTIONS, &mut item.options),
        (MethodFilter::HEAD, &mut item.head),
        (MethodFilter::TRACE, &mut item.trace),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?))).collect()
}
