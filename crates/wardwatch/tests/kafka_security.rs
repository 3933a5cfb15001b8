//! Kafka that trusts nobody: the engine with a certificate, a password or tokens, with the permissions that `topics plan`
//! prints and no more; and what it says when one is missing.
//!
//! Needs the folder of a broker that `tests/kafka/kafka.sh secured` started:
//! `WARDWATCH_KAFKA_SECURED=DIR cargo test --workspace --test kafka_security -- --ignored`.
#![allow(
    clippy::disallowed_methods,
    reason = "a test beside a real broker waits in real time"
)]
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use rdkafka::Message;
use support::bench::{Bench, longest_gap};
use support::identity::{CLIENT, IdentityProvider};
use support::oracle::{self, Past};
use wardwatch_kafka::{Acl, acls};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/kafka/kafka.sh");

/// A broker with listeners for certificates, passwords and tokens, and one for tests that need none.
struct Secured(PathBuf);

impl Secured {
    fn new() -> Self {
        let folder = std::env::var("WARDWATCH_KAFKA_SECURED");
        Self(
            PathBuf::from(folder.expect("WARDWATCH_KAFKA_SECURED is a folder"))
                .canonicalize()
                .unwrap(),
        )
    }

    fn listener(&self, name: &str) -> String {
        let all = std::fs::read_to_string(self.0.join("listeners")).unwrap();
        let line = all.lines().find(|line| line.starts_with(name)).unwrap();
        line.split(' ').nth(1).unwrap().to_owned()
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }

    /// A file with a secret, as a cluster mounts it.
    fn secret(&self, text: &str) -> String {
        let path = self.0.join(format!("{text}.secret"));
        std::fs::write(&path, format!("{text}\n")).unwrap();
        path.to_str().unwrap().to_owned()
    }

    fn scram(&self, user: &str, password: &str) -> Vec<String> {
        arguments(
            &[
                ("security.protocol", "SASL_SSL"),
                ("sasl.mechanisms", "SCRAM-SHA-512"),
                ("sasl.username", user),
                ("ssl.ca.location", &self.file("ca.pem")),
            ],
            &[("sasl.password", &self.secret(password))],
        )
    }

    fn mtls(&self, ca: &str) -> Vec<String> {
        let (certificate, key) = (self.file("engine.pem"), self.file("engine.key"));
        let settings = [
            ("security.protocol", "SSL"),
            ("ssl.ca.location", &*self.file(ca)),
            ("ssl.certificate.location", &*certificate),
            ("ssl.key.location", &*key),
        ];
        arguments(&settings, &[])
    }

    fn oauth(&self, url: &str, secret: &str) -> Vec<String> {
        arguments(
            &[
                ("security.protocol", "SASL_SSL"),
                ("sasl.mechanisms", "OAUTHBEARER"),
                ("sasl.oauthbearer.method", "oidc"),
                ("sasl.oauthbearer.token.endpoint.url", url),
                ("sasl.oauthbearer.client.id", CLIENT.0),
                ("ssl.ca.location", &self.file("ca.pem")),
            ],
            &[("sasl.oauthbearer.client.secret", &self.secret(secret))],
        )
    }

    /// Gives permissions to a user; those alike in one call.
    fn allow<'a>(&self, user: &str, permissions: impl IntoIterator<Item = &'a Acl>) {
        let mut alike: BTreeMap<_, Vec<&str>> = BTreeMap::new();
        for acl in permissions {
            let kind = (acl.resource, acl.is_prefix, acl.operations);
            alike.entry(kind).or_default().push(&acl.name);
        }
        for ((resource, is_prefix, operations), names) in alike {
            let mut command = Command::new(SCRIPT);
            command.args([
                "tool",
                "AclCommand",
                "--bootstrap-server",
                &self.listener("plain"),
            ]);
            command.args(["--add", "--allow-principal", &format!("User:{user}")]);
            for name in names {
                command.args([&format!("--{resource}"), name]);
            }
            if is_prefix {
                command.args(["--resource-pattern-type", "prefixed"]);
            }
            for operation in operations {
                command.args(["--operation", operation]);
            }
            let done = command.output().unwrap();
            assert!(done.status.success(), "{done:?}");
        }
    }
}

fn arguments(settings: &[(&str, &str)], files: &[(&str, &str)]) -> Vec<String> {
    let settings = settings.iter().map(|pair| ("--kafka", pair));
    let files = files.iter().map(|pair| ("--kafka-file", pair));
    settings
        .chain(files)
        .flat_map(|(flag, (name, value))| [flag.to_owned(), format!("{name}={value}")])
        .collect()
}

fn permissions(bench: &Bench, role: &str) -> Vec<Acl> {
    let all = acls(&bench.pipeline, &bench.topics, &bench.group());
    all.into_iter().filter(|acl| acl.role == role).collect()
}

/// Runs a command of the binary to its end.
fn run(bench: &Bench, brokers: &str, command: &[&str], settings: &[String]) -> Output {
    let mut process = Command::new(env!("CARGO_BIN_EXE_wardwatch"))
        .args(command)
        .args([
            "--brokers",
            brokers,
            "--topic-prefix",
            &bench.prefix,
            "--group",
            &bench.group(),
        ])
        .args(settings)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while process.try_wait().unwrap().is_none() {
        if begun.elapsed() > Duration::from_secs(60) {
            process.kill().unwrap();
            panic!("it still runs: {:?}", process.wait_with_output());
        }
        thread::sleep(Duration::from_millis(50));
    }
    process.wait_with_output().unwrap()
}

fn engine_fails(bench: &Bench, brokers: &str, settings: &[String]) -> String {
    let pipeline = bench.folder.path().join("pipeline.yaml");
    let command = ["engine", pipeline.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    let output = run(bench, brokers, &command, settings);
    let text = format!("\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(!output.status.success(), "it should not run: {text}");
    // The log may come before it.
    let at = text
        .rfind("\nerror: ")
        .unwrap_or_else(|| panic!("no error is told: {text}"));
    text[at..].to_owned()
}

/// One ward, one engine after the other: with a password, with a certificate, and with tokens that last ten seconds. The
/// permissions are those that `topics plan` prints for an engine, and for an operator.
#[test]
#[ignore = "needs a secured broker: set WARDWATCH_KAFKA_SECURED"]
fn passwords_certificates_and_tokens() {
    let secured = Secured::new();
    let identity = IdentityProvider::start(secured.0.join("token.key"));
    let mut bench = Bench::on(&secured.listener("plain"), 2);
    secured.allow("engine", &permissions(&bench, "engine"));
    secured.allow("newcomer", &permissions(&bench, "operator"));
    let feeding = bench.feed(40, 20);
    let ways = [
        ("scram", secured.scram("engine", "engine-secret"), 8),
        ("mtls", secured.mtls("ca.pem"), 8),
        ("oauth", secured.oauth(&identity.url, CLIENT.1), 25),
    ];
    for (way, arguments, seconds) in ways {
        let before = bench.journal().len();
        bench.brokers_of_engines = secured.listener(way);
        bench.arguments = arguments;
        let engine = bench.engine(way, None);
        thread::sleep(Duration::from_secs(seconds));
        let log = engine.log.clone();
        engine.terminate();
        let log = std::fs::read_to_string(log).unwrap();
        assert!(!log.contains("-secret"), "a secret is in the log of {way}");
        assert!(bench.journal().len() > before + 4, "{way}: {log}");
    }
    assert!(identity.given.load(Ordering::Relaxed) >= 6, "tokens are renewed");
    // What came since, over tokens too.
    let engine = bench.engine("oauth", None);
    bench.settle(feeding.stop());
    engine.terminate();
    let (journal, alerts) = bench.check(&Past::default());
    assert!(alerts > 0);
    eprintln!(
        "{} steps, {alerts} alerts, longest gap {:.1} s",
        journal.len(),
        longest_gap(&journal)
    );

    let brokers = secured.listener("scram");
    let operator = secured.scram("newcomer", "newcomer-secret");
    let alerts = oracle::read(&bench.brokers, &bench.topics.alerts, bench.partitions);
    let alert: wardwatch_alarms::Alert = serde_json::from_slice(alerts[0].payload().unwrap()).unwrap();
    let (id, snapshots) = (alert.id.to_string(), bench.snapshots());
    let pipeline = bench.folder.path().join("pipeline.yaml");
    let pipeline = pipeline.to_str().unwrap();
    let explain = [
        "audit",
        "explain",
        pipeline,
        &id,
        "--snapshots",
        snapshots.to_str().unwrap(),
    ];
    for command in [&explain[..], &["quarantine", "list"]] {
        let output = run(&bench, &brokers, command, &operator);
        assert!(
            output.status.success(),
            "{command:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

/// Each wrong setting by itself: one error, which names it.
#[test]
#[ignore = "needs a secured broker: set WARDWATCH_KAFKA_SECURED"]
fn what_is_wrong_is_named() {
    let secured = Secured::new();
    let identity = IdentityProvider::start(secured.0.join("token.key"));
    let bench = Bench::on(&secured.listener("plain"), 1);
    let with = |mut all: Vec<String>, name: &str, value: &str| {
        all.extend(arguments(&[(name, value)], &[]));
        all
    };
    let scram = || secured.scram("engine", "engine-secret");
    let misspelt = arguments(&[], &[("sasl.pasword", &secured.secret("hidden-secret"))]);
    let cases = [
        (
            "scram",
            secured.scram("engine", "wrong-secret"),
            "invalid credentials with SASL mechanism SCRAM",
        ),
        (
            "scram",
            with(scram(), "ssl.ca.location", &secured.file("other-ca.pem")),
            "ssl.ca.location",
        ),
        (
            "scram",
            with(scram(), "ssl.ca.location", "/nowhere.pem"),
            "ssl.ca.location",
        ),
        (
            "scram",
            with(scram(), "sasl.mechanisms", "PLAIN"),
            "supported mechanisms: SCRAM-SHA-512",
        ),
        ("scram", misspelt, "the setting sasl.pasword"),
        ("scram", Vec::new(), "security.protocol"),
        ("mtls", secured.mtls("other-ca.pem"), "ssl.ca.location"),
        (
            "mtls",
            with(
                arguments(&[("security.protocol", "SSL")], &[]),
                "ssl.ca.location",
                &secured.file("ca.pem"),
            ),
            "certificate",
        ),
        (
            "oauth",
            secured.oauth(&identity.url, "wrong-secret"),
            "invalid_client",
        ),
        (
            "oauth",
            secured.oauth("http://127.0.0.1:9/token", CLIENT.1),
            "token",
        ),
    ];
    for (listener, settings, named) in cases {
        let error = engine_fails(&bench, &secured.listener(listener), &settings);
        eprintln!("{error}");
        assert!(error.contains(named), "{named}: {error}");
        assert!(
            !error.contains("-secret\n") && !error.contains("hidden-secret "),
            "{error}"
        );
    }
}

/// Permissions are given one after the other; until the last one the engine says what it may not.
#[test]
#[ignore = "needs a secured broker: set WARDWATCH_KAFKA_SECURED"]
fn missing_permissions_are_named() {
    let secured = Secured::new();
    let mut bench = Bench::on(&secured.listener("plain"), 1);
    let all = permissions(&bench, "engine");
    let brokers = secured.listener("scram");
    let settings = secured.scram("newcomer", "newcomer-secret");
    let feeding = bench.feed(41, 5);
    let is = |resource: &'static str| move |acl: &&Acl| acl.resource == resource;
    let journal = bench.topics.journal.clone();
    let writes_journal = |acl: &&Acl| acl.name == journal && acl.operations[0] == "Write";
    let (written, others): (Vec<&Acl>, Vec<&Acl>) = all.iter().filter(is("topic")).partition(writes_journal);
    let shows_journal = Acl {
        operations: &["DescribeConfigs"],
        ..written[0].clone()
    };
    let stages = [
        (Vec::new(), "may not see them"),
        // Reading it lets the journal be seen, but not its settings.
        (others, "allow DescribeConfigs"),
        (vec![&shows_journal], "Group authorization failed"),
        (
            all.iter().filter(is("group")).collect(),
            "Transactional Id authorization failed",
        ),
        (
            all.iter().filter(is("transactional-id")).collect(),
            "Topic authorization failed",
        ),
    ];
    for (more, named) in stages {
        secured.allow("newcomer", more);
        let error = engine_fails(&bench, &brokers, &settings);
        eprintln!("{error}");
        assert!(
            error.contains(named) && error.contains("`wardwatch topics plan`"),
            "{named}: {error}"
        );
    }
    secured.allow("newcomer", written);
    bench.brokers_of_engines = brokers;
    bench.arguments = settings;
    let engine = bench.engine("one", None);
    bench.settle(feeding.stop());
    engine.terminate();
    bench.check(&Past::default());
}
