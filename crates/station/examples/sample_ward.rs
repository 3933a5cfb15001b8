//! A made-up ward for developing the page: `cargo run -p wardwatch-station --example sample_ward [PORT] [BEDS]`.
//!
//! Nothing here is a patient. Values wander at random; the first beds show what a page must be able to show: a high, a
//! medium and a low alarm, a partial score, a model without a voice, stale values, a lost signal, a wrong device clock.
//! From the keyboard: `engine` stops and starts the ticks, `alert` raises one more alert, `end` ends.
#![allow(clippy::print_stdout, reason = "the address is what the developer wants")]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;
use wardwatch_event_time::Timestamp;
use wardwatch_station::{BoardConfig, ServerConfig, Station, Update, serve};

#[path = "sample_ward/patients.rs"]
mod patients;
#[path = "sample_ward/stories.rs"]
mod stories;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().map_or(Ok(0), |port| port.parse())?;
    let beds: u32 = arguments.next().map_or(Ok(24), |beds| beds.parse())?;

    let station = Station::new(BoardConfig {
        title: "Sample ward".to_owned(),
        label: Some("Sample data, made up for developing this page: no patient is shown".to_owned()),
        ..BoardConfig::default()
    });
    let running = serve(
        ServerConfig::new(SocketAddr::from((Ipv4Addr::LOCALHOST, port))),
        station.clone(),
    )
    .await?;
    println!("station: http://{}/", running.addr());

    let mut keyboard = keyboard();
    let mut second = tokio::time::interval(Duration::from_secs(1));
    let mut engine = true;
    stories::alarms(now())
        .into_iter()
        .for_each(|update| station.publish(update));
    for count in 0.. {
        second.tick().await;
        match keyboard.try_recv().as_deref() {
            Ok("engine") => engine = !engine,
            Ok("alert") => station.publish(stories::desaturation(1, count, now())),
            Ok("end") => break,
            _ => {}
        }
        if engine {
            let evaluated =
                (0..beds).filter(|bed| count == 0 || (*bed != patients::SILENT && (count + bed) % 10 == 0));
            evaluated.for_each(|bed| station.publish(patients::score(bed, count, now())));
            station.publish(Update::Tick {
                shard: 0,
                log_time: now(),
                now: now(),
                speed: 1.0,
            });
        }
    }
    running.stop().await?;
    Ok(())
}

/// Lines from the keyboard; a thread, since standard input cannot be awaited.
fn keyboard() -> mpsc::Receiver<String> {
    let (send, lines) = mpsc::channel(8);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if send.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}

#[allow(
    clippy::disallowed_methods,
    reason = "the sample ward lives on the wall clock"
)]
fn now() -> Timestamp {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("the clock is set after 1970");
    Timestamp::from_micros(i64::try_from(since.as_micros()).expect("before the year 294246"))
}
