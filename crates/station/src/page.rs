//! The page's files, embedded: no build step, nothing loaded from elsewhere.

use axum::Router;
use axum::http::header;
use axum::routing::get;

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const PICTURE: &str = "image/svg+xml";

/// Path, type and text of every file.
const FILES: [(&str, &str, &str); 12] = [
    ("/", HTML, include_str!("../page/index.html")),
    ("/station.css", STYLE, include_str!("../page/station.css")),
    ("/tile.css", STYLE, include_str!("../page/tile.css")),
    ("/alerts.css", STYLE, include_str!("../page/alerts.css")),
    ("/station.js", SCRIPT, include_str!("../page/station.js")),
    ("/alerts.js", SCRIPT, include_str!("../page/alerts.js")),
    ("/clock.js", SCRIPT, include_str!("../page/clock.js")),
    ("/dom.js", SCRIPT, include_str!("../page/dom.js")),
    ("/feed.js", SCRIPT, include_str!("../page/feed.js")),
    ("/system.js", SCRIPT, include_str!("../page/system.js")),
    ("/tile.js", SCRIPT, include_str!("../page/tile.js")),
    ("/station.svg", PICTURE, include_str!("../page/station.svg")),
];

/// A route for each file.
pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES
        .into_iter()
        .fold(Router::new(), |router, (path, kind, text)| {
            router.route(
                path,
                get(move || std::future::ready(([(header::CONTENT_TYPE, kind)], text))),
            )
        })
}
