'use strict';
// Draws the report: tables and plots of the figures, and any patient's course. It reads what stands in the page, and nothing else.

const figures = JSON.parse(document.getElementById('figures').textContent);
const { reports, differences, timelines } = figures;
const isTwo = reports.length > 1;
const NAMES = isTwo ? ['old', 'new'] : [''];
const latest = reports.at(-1);

// === Elements ===

const SVG = 'http://www.w3.org/2000/svg';

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== undefined && child !== null && child !== false));
  return element;
}

const h = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const s = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);

function section(title, ...children) {
  return h('section', {}, h('h2', {}, title), children);
}

/** A table; `columns` are headings, those that begin with "|" of text, the others of numbers. */
function table(columns, rows) {
  const isText = columns.map((column) => column.startsWith('|'));
  const head = columns.map((column, at) => h('th', isText[at] ? { class: 'text' } : {}, isText[at] ? column.slice(1) : column));
  const body = rows.map((row) =>
    h('tr', row.sum ? { class: 'sum' } : {}, row.cells.map((cell, at) => h('td', isText[at] ? { class: 'text' } : {}, cell ?? '–'))));
  return h('div', { class: 'wide' }, h('table', {}, h('thead', {}, h('tr', {}, head)), h('tbody', {}, body)));
}

// === Numbers ===

const whole = (value) => value.toLocaleString('en-GB');
const fixed = (value, decimals = 2) => (value === null || value === undefined ? undefined : value.toFixed(decimals));
const percent = (share) => (share === null || share === undefined ? undefined : `${(share * 100).toFixed(1)} %`);
const plus = (value, decimals) => `${value > 0 ? '+' : value < 0 ? '−' : ''}${Math.abs(value).toFixed(decimals)}`;
const priority = (name, level) => h('span', { class: `priority ${level}` }, name);

function interval(figure) {
  if (!figure) return undefined;
  return [fixed(figure.value, 3), h('span', { class: 'interval' }, ` ${fixed(figure.low, 3)} to ${fixed(figure.high, 3)}`)];
}

function share(figure) {
  if (!figure) return undefined;
  return [percent(figure.value), h('span', { class: 'interval' }, ` ${(figure.low * 100).toFixed(1)} to ${(figure.high * 100).toFixed(1)}`)];
}

/** Why some are not judged, by reason. */
function notJudged(parts) {
  const reasons = [...new Set(parts.map((part) => part.not_judged).filter(Boolean))];
  const named = (reason) => parts.filter((part) => part.not_judged === reason).map((part) => part.alarm ?? part.score).join(', ');
  return reasons.map((reason) => h('p', { class: 'soft' }, `Not judged: ${named(reason)}: ${reason}.`));
}

const time = new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', day: '2-digit', month: 'short', hour: '2-digit', minute: '2-digit' });

// === Figures ===

function heading() {
  const pipelines = reports.map((report, at) =>
    h('p', {}, isTwo ? `${NAMES[at]}: ` : '', h('b', {}, `${report.pipeline} version ${report.version}`), ' ', h('code', { class: 'soft' }, report.sha256)));
  const report = latest;
  const outcomes = (report.outcomes ?? []).map((kind) => [`${whole(kind.came)} of ${whole(kind.patients)}`, `had ${kind.outcome === 'outcome' ? 'the outcome' : kind.outcome}`]);
  const facts = [
    [whole(report.patients), 'patients'],
    [report.bed_days < 10 ? fixed(report.bed_days, 1) : whole(Math.round(report.bed_days)), 'bed-days'],
    [whole(report.data.readings), 'readings'],
    [reports.map((of) => fixed(of.alerts_per_bed_day)).join(' → '), 'alerts a bed and day'],
    ...outcomes,
  ];
  const span = report.span && h('p', { class: 'soft' }, `Recorded ${report.span[0]} to ${report.span[1]}. Secondary notification, not a medical device. This file holds patient data.`);
  return h('header', {}, h('h1', {}, isTwo ? 'Two pipelines over the same data' : 'Back-test'), pipelines, span,
    h('ul', { class: 'facts' }, facts.map(([value, name]) => h('li', {}, h('b', {}, value), name))),
    report.notes.map((note) => h('p', {}, h('b', {}, 'Note: '), note)));
}

function differencesSection() {
  const shares = ['precision', 'sensitivity'];
  const shown = (figure, value) => (shares.includes(figure) ? percent(value) : fixed(value, figure.startsWith('AU') ? 3 : 2));
  const changed = (row) => {
    if (!row.difference) return undefined;
    const { value, low, high } = row.difference;
    const [scale, decimals, unit] = shares.includes(row.figure) ? [100, 1, ' points'] : [1, row.figure.startsWith('AU') ? 3 : 2, ''];
    const text = `${plus(value * scale, decimals)}${unit}`;
    return [h('span', low > 0 || high < 0 ? { class: 'sure' } : {}, text), h('span', { class: 'interval' }, ` ${plus(low * scale, decimals)} to ${plus(high * scale, decimals)}`)];
  };
  let before;
  const isSame = (row) => row.difference && ['value', 'low', 'high'].every((part) => row.difference[part] === 0);
  const same = [...new Set(differences.filter(isSame).map((row) => row.of))].filter((of) => differences.every((row) => row.of !== of || isSame(row)));
  const rows = differences.filter((row) => !same.includes(row.of)).map((row) => {
    const of = row.of === before ? '' : row.of;
    before = row.of;
    return { cells: [of, row.figure, shown(row.figure, row.old), shown(row.figure, row.new), changed(row)] };
  });
  return section('What differs',
    h('p', { class: 'soft' }, 'New less old, and where that lies in 95 of 100 resamples of the patients, the same for both. Bold where no sign of the other way is left.'),
    table(['|of', '|figure', 'old', 'new', 'difference'], rows),
    same.length > 0 && h('p', { style: 'margin-top:8px' }, `The same in both: ${same.join(', ')}.`));
}

function alarmsSection(report, name) {
  const most = Math.max(...report.alarms.map((alarm) => alarm.per_bed_day), 1e-9);
  const row = (alarm, label) => [
    label, whole(alarm.alerts), whole(alarm.patients),
    [fixed(alarm.per_bed_day), h('span', { class: 'bar', style: `width:${Math.round((Math.min(alarm.per_bed_day, most) / most) * 70)}px` })],
    alarm.predicts ?? undefined, share(alarm.precision), fixed(alarm.number_needed_to_evaluate, 1), share(alarm.sensitivity),
    alarm.lead_hours && `${fixed(alarm.lead_hours[1], 1)} (${fixed(alarm.lead_hours[0], 1)} to ${fixed(alarm.lead_hours[2], 1)})`,
  ];
  const columns = ['alerts', 'patients', 'a bed and day', '|judged by', 'precision', 'needed to evaluate', 'sensitivity', 'lead, h: median (IQR)'];
  const rows = report.alarms.map((alarm) => ({ cells: row(alarm, priority(alarm.alarm, alarm.priority)) }));
  rows.push({ sum: true, cells: row(report.any, report.any.alarm) });
  const rates = report.alerts_per_bed_day_by_priority;
  const byPriority = ['high', 'medium', 'low'].filter((level) => level in rates).map((level) => ({ cells: [priority(level, level), fixed(rates[level])] }));
  const overlaps = report.overlaps.toSorted((one, other) => other.share - one.share).slice(0, 20);
  return section(`Alarms${name}`,
    h('p', { class: 'soft' }, report.outcomes
      ? 'An alert is right when the outcome that its alarm predicts comes within the horizon after it. Sensitivity: of these outcomes, those with an alert within the horizon before. Lead: from the first of these alerts to the outcome. Needed to evaluate: alerts looked at for one that is right. In grey: 95 of 100 resamples of the patients.'
      : 'No outcomes were given: nothing is said of right and wrong.'),
    table(['|alarm', ...columns], rows),
    h('p', { class: 'soft' }, 'The last line leaves out alarms on equipment and data, and holds each alarm against its own outcome.'),
    notJudged(report.alarms),
    h('h3', {}, 'By priority'), table(['|priority', 'a bed and day'], byPriority),
    report.groups.length > 0 && [h('h3', {}, 'By age, sex and unit: every alarm of the patient’s'),
      table(['|group', 'in it', ...columns], report.groups.map((group) => ({ cells: [group.group, whole(group.patients), ...row(group.any, '').slice(1)] })))],
    overlaps.length > 0 && [h('h3', {}, 'Alarms that tell of the same, within 15 minutes'),
      table(['|of the alerts of', '|with one of', 'share'], overlaps.map((overlap) => ({ cells: [overlap.alarm, overlap.with, percent(overlap.share)] })))]);
}

function calibration(score, ranking) {
  const { bins } = ranking.calibration;
  const size = 210, left = 34, bottom = 30;
  const most = Math.max(...bins.flatMap((bin) => [bin.predicted, bin.observed]), 0.01);
  const scale = 10 ** Math.floor(Math.log10(most));
  const end = Math.ceil(most / scale) * scale;
  const x = (value) => left + (value / end) * size;
  const y = (value) => 8 + size - (value / end) * size;
  const ticks = [0, end / 2, end];
  return s('svg', { width: left + size + 16, height: size + bottom + 12, role: 'img', 'aria-label': `calibration of ${score.score}, ${ranking.ranking}` },
    s('line', { class: 'axis', x1: x(0), y1: y(0), x2: x(end), y2: y(0) }), s('line', { class: 'axis', x1: x(0), y1: y(0), x2: x(0), y2: y(end) }),
    s('line', { class: 'ideal', x1: x(0), y1: y(0), x2: x(end), y2: y(end) }),
    ticks.map((tick) => [
      s('text', { x: x(tick), y: y(0) + 14, 'text-anchor': 'middle' }, `${+(tick * 100).toFixed(1)} %`),
      s('text', { x: x(0) - 4, y: y(tick) + 4, 'text-anchor': 'end' }, `${+(tick * 100).toFixed(1)}`)]).flat(),
    s('text', { x: x(end / 2), y: y(0) + 28, 'text-anchor': 'middle' }, 'predicted; upwards: observed, %'),
    bins.map((bin) => s('circle', { class: 'mark', cx: x(bin.predicted), cy: y(bin.observed), r: 4 },
      s('title', {}, `${bin.rows} rows: predicted ${percent(bin.predicted)}, observed ${percent(bin.observed)}`))));
}

const LINE = ['slope', 'intercept', 'observed_over_expected', 'brier'];
const LINE_NAMES = ['calibration slope', 'intercept', 'observed / expected', 'Brier'];
const line = (of) => LINE.map((figure) => of.calibration && interval(of.calibration[figure]));

function scoresSection(report, name) {
  const all = report.scores;
  const rows = all.map((score) => ({ cells: [
    score.score, score.predicts ?? undefined, whole(score.evaluated), percent(score.unavailable / Math.max(1, score.evaluated + score.unavailable))] }));
  const ranked = all.flatMap((score) => score.rankings.filter((ranking) => ranking.rows > 0).map((ranking, at) => ({ cells: [
    at === 0 ? score.score : '', ranking.ranking, whole(ranking.rows), whole(ranking.patients), whole(ranking.outcomes), interval(ranking.auroc), interval(ranking.auprc), ...line(ranking)] })));
  const beside = all.flatMap((score) => score.beside.filter((of) => of.auroc).map((of, at) => ({ cells: [
    at === 0 ? score.score : '', of.score, of.ranking, whole(of.rows), fixed(of.auroc[0], 3), fixed(of.auroc[1], 3), interval(of.auroc_difference), fixed(of.auprc[0], 3), fixed(of.auprc[1], 3), interval(of.auprc_difference)] })));
  const rates = all.flatMap((score) => score.at_rates.map((rate, at) => ({ cells: [
    at === 0 ? score.score : '', `${rate.alerts_per_100_patient_days}`, `${+rate.threshold.toPrecision(3)}`, percent(rate.sensitivity), percent(rate.precision), percent(rate.reached_with_outcome), percent(rate.reached_without)] })));
  const flagged = all.flatMap((score) => score.flagged.map((of, at) => ({ cells: [
    at === 0 ? score.score : '', percent(of.share), `${+of.threshold.toPrecision(3)}`, percent(of.sensitivity), percent(of.precision)] })));
  const groups = all.flatMap((score) => score.rankings.flatMap((ranking) => ranking.groups.map((group, at) => ({ cells: [
    at === 0 ? score.score : '', at === 0 ? ranking.ranking : '', group.group, whole(group.rows), whole(group.patients), whole(group.outcomes), interval(group.auroc), interval(group.auprc), ...line(group)] }))));
  const plots = all.flatMap((score) => score.rankings.filter((ranking) => ranking.calibration).map((ranking) => [score, ranking]));
  return section(`Scores${name}`,
    h('p', { class: 'soft' }, 'Each is held against the outcome that it predicts. Intervals hold 95 of 100 resamples of the patients, with all rows of each.'),
    table(['|score', '|judged by', 'values', 'evaluations without one'], rows), notJudged(all),
    ranked.length > 0 && [h('h3', {}, 'Ranking'),
      h('p', { class: 'soft' }, 'At a landmark: the newest value by so long after the first message. Each value: every one, the outcome within the horizon after it. Last and highest: of each stay before the outcome; longer stays have higher highest values.'),
      table(['|score', '|ranked', 'rows', 'patients', 'with the outcome', 'AUROC', 'AUPRC', ...LINE_NAMES], ranked)],
    beside.length > 0 && [h('h3', {}, 'Models beside other scores, on the rows that both have'), table(['|model', '|beside', '|ranked', 'rows', 'AUROC', 'its AUROC', 'difference', 'AUPRC', 'its AUPRC', 'difference'], beside)],
    rates.length > 0 && [h('h3', {}, 'As an alarm at a threshold'), table(['|score', 'alerts for 100 patient-days', 'threshold', 'sensitivity', 'precision', 'reached with the outcome', 'without'], rates)],
    flagged.length > 0 && [h('h3', {}, 'Flagging a share of all values'), table(['|score', 'of all values', 'threshold', 'sensitivity', 'precision'], flagged)],
    plots.length > 0 && [h('h3', {}, 'Calibration: tenths of the rows by probability'),
      h('div', { class: 'plots' }, plots.map(([score, ranking]) => h('figure', { style: 'margin:0' }, h('figcaption', { class: 'soft' }, `${score.score}, ${ranking.ranking}`), calibration(score, ranking))))],
    groups.length > 0 && [h('h3', {}, 'By age, sex and unit'), table(['|score', '|ranked', '|group', 'rows', 'patients', 'with the outcome', 'AUROC', 'AUPRC', ...LINE_NAMES], groups)]);
}

function denominatorsSection(report, name) {
  const rows = report.denominators.filter((of) => Object.keys(of.fell_out).length > 0).flatMap((of) =>
    Object.entries(of.fell_out).map(([reason, count], at) => ({ cells: [
      ...(at === 0 ? [of.of, of.predicts, of.ranking, `${whole(of.counted)} of ${whole(of.all)} ${of.unit}`] : ['', '', '', '']), whole(count), reason] })));
  return rows.length > 0 && section(`Who and what does not count${name}`, table(['|of', '|judged by', '|ranked', 'counted', 'not', '|why'], rows));
}

function dataSection(report, name) {
  const { data } = report;
  const reasons = [...new Set(data.vital_signs.flatMap((vital) => Object.keys(vital.quarantined)))].sort();
  const rows = data.vital_signs.map((vital) => ({ cells: [vital.vital_sign, whole(vital.taken),
    ...reasons.map((reason) => whole(vital.quarantined[reason] ?? 0)), percent(vital.patients_without / Math.max(1, report.patients)), percent(vital.hours_without)] }));
  const aside = Object.entries(data.quarantined).map(([reason, count]) => `${reason} ${whole(count)}`);
  return section(`Data${name}`,
    h('p', { class: 'soft' }, `${whole(data.readings)} readings came, ${whole(data.repeats)} of them equal repeats. Put aside: ${aside.join(', ') || 'none'}.`),
    table(['|vital sign', 'taken', ...reasons, 'patients without', 'hours without'], rows));
}

function noisiestSection(report, name, show) {
  const rows = report.noisiest.map((noisy) => ({ cells: [
    h('button', { class: 'link', onclick: () => show(noisy.patient_id) }, noisy.patient_id), whole(noisy.alerts), fixed(noisy.per_day, 1)] }));
  return section(`Noisiest patients${name}`, table(['|patient', 'alerts', 'a day, of a day at least'], rows));
}

// === Courses ===

/** The courses of all patients, as `page.rs` packs them. */
async function unpack() {
  const text = document.getElementById('courses').textContent;
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream('deflate'));
  const data = new Uint8Array(await new Response(stream).arrayBuffer());
  let at = 0;
  const number = () => {
    let value = 0, factor = 1, byte;
    do {
      byte = data[at++];
      value += (byte & 0x7f) * factor;
      factor *= 128;
    } while (byte & 0x80);
    return value;
  };
  const signed = () => {
    const value = number();
    return value % 2 ? -(value + 1) / 2 : value / 2;
  };
  const text8 = new TextDecoder();
  const times = (count, read) => Array.from({ length: count }, read);
  const origin = Math.floor(timelines.origin / 60_000);

  const series = (begin) => {
    const info = timelines.series[number()];
    const length = 2 ** number();
    const count = number();
    let step = Math.floor(begin / length), value = 0;
    const steps = times(count, () => (step += signed()));
    const scale = 10 ** info.decimals;
    const lows = times(count, () => (value += signed()));
    const highs = lows.map((low) => low + number());
    const points = steps.map((of, index) => ({ minute: of * length, low: lows[index] / scale, high: highs[index] / scale }));
    return { info, length, points };
  };
  const alerts = (alarms) => {
    let minute = 0;
    return times(number(), () => {
      minute += signed();
      return { minute, alarm: alarms[number()], phase: data[at++] };
    });
  };
  return times(number(), () => {
    const idLength = number();
    const id = text8.decode(data.subarray(at, (at += idLength)));
    const begin = origin + number();
    const length = number();
    const fates = times(number(), () => {
      const kind = timelines.kinds[number()];
      const count = number();
      return { kind, came: count > 0, at: times(Math.max(count - 1, 0), () => begin + signed()) };
    });
    const all = times(number(), () => series(begin));
    const told = timelines.alarms.map((alarms) => alerts(alarms).map((alert) => ({ ...alert, minute: alert.minute + begin })));
    return { id, begin, end: begin + length, fates, series: all, told };
  });
}

/** Alerts of one alarm as bars, from a start to an end. */
function bars(told, end) {
  const open = new Map(), lanes = new Map();
  for (const alert of told) {
    const lane = lanes.get(alert.alarm) ?? [];
    lanes.set(alert.alarm, lane);
    if (alert.phase === 0) {
      open.set(alert.alarm, { from: alert.minute, to: end });
      lane.push(open.get(alert.alarm));
    } else if (alert.phase === 2 && open.has(alert.alarm)) {
      open.get(alert.alarm).to = alert.minute;
      open.delete(alert.alarm);
    }
  }
  return lanes;
}

const labelOf = (info) => (isTwo && info.pipeline !== null ? `${info.label} (${NAMES[info.pipeline]})` : info.label);

const LEFT = 150, RIGHT = 56, LANE = 18, CHART = 62;

function chart(patient, width, readout) {
  const last = Math.max(patient.end, ...patient.told.flat().map((alert) => alert.minute), ...patient.series.map((of) => of.points.at(-1).minute)) + 1;
  const first = Math.min(patient.begin, ...patient.told.flat().map((alert) => alert.minute), ...patient.series.map((of) => of.points[0].minute));
  const x = (minute) => LEFT + ((minute - first) / (last - first)) * (width - LEFT - RIGHT);
  const parts = [];
  let y = 22;
  patient.told.forEach((told, run) => {
    for (const [alarm, lane] of bars(told, last)) {
      parts.push(s('text', { class: 'name', x: 0, y: y + 12 }, `${alarm.name}${isTwo ? ` (${NAMES[run]})` : ''}`));
      for (const bar of lane) {
        parts.push(s('rect', { class: `alert ${alarm.priority}`, x: x(bar.from), y: y + 3, width: Math.max(2, x(bar.to) - x(bar.from)), height: LANE - 6, rx: 2 },
          s('title', {}, `${alarm.name}: ${time.format(bar.from * 60_000)} to ${time.format(bar.to * 60_000)}`)));
      }
      y += LANE;
    }
  });
  y += 6;
  for (const { info, length, points } of patient.series) {
    const low = Math.min(...points.map((point) => point.low)), high = Math.max(...points.map((point) => point.high));
    const middle = (low + high) / 2, reach = Math.max(high - low, 10 ** -info.decimals * 4) / 2;
    const top = y;
    const level = (value) => top + CHART / 2 + 3 - ((value - middle) / reach) * (CHART / 2 - 9);
    parts.push(s('line', { class: 'axis', x1: 0, y1: top, x2: width, y2: top }),
      s('text', { class: 'name', x: 0, y: top + CHART / 2 }, labelOf(info)), s('text', { x: 0, y: top + CHART / 2 + 14 }, info.unit.startsWith('{') ? '' : info.unit),
      s('text', { x: width - RIGHT + 6, y: level(high) + 4 }, `${high}`));
    if (low !== high) parts.push(s('text', { x: width - RIGHT + 6, y: level(low) + 4 }, `${low}`));
    // A line joins what is near; a gap in the data stays one.
    const gap = Math.max(length * 3, 120);
    let path = '', before;
    for (const point of points) {
      const at = `${x(point.minute + length / 2).toFixed(1)} ${level((point.low + point.high) / 2).toFixed(1)}`;
      path += before !== undefined && point.minute - before <= gap ? `L${at}` : `M${at}`;
      before = point.minute;
    }
    const ranges = points.map((point) => {
      const at = x(point.minute + length / 2).toFixed(1);
      return `M${at} ${level(point.low).toFixed(1)}V${(level(point.high) - 0.1).toFixed(1)}`;
    });
    parts.push(s('path', { class: 'line', d: path }), s('path', { class: 'range', d: ranges.join('') }));
    y += CHART;
  }
  const hours = (last - first) / 60;
  const every = [1, 2, 3, 6, 12, 24, 48, 96, 168].find((step) => hours / step <= 12) ?? Math.ceil(hours / 12);
  const ticks = [];
  for (let minute = Math.ceil(first / 60 / every) * every * 60; minute < last; minute += every * 60) {
    ticks.push(s('line', { class: 'tick', x1: x(minute), y1: 16, x2: x(minute), y2: y }), s('text', { x: x(minute) + 2, y: 12 }, time.format(minute * 60_000)));
  }
  const outcome = patient.fates.flatMap((fate) => fate.at.filter((at) => at <= last).map((at) =>
    s('line', { class: 'fate', x1: x(at), y1: 16, x2: x(at), y2: y }, s('title', {}, fate.kind))));
  const cross = s('line', { class: 'cross', y1: 16, y2: y, visibility: 'hidden' });
  const svg = s('svg', { class: 'chart', width, height: y + 4, role: 'img', 'aria-label': `course of patient ${patient.id}` }, ticks, parts, outcome, cross);
  svg.addEventListener('pointermove', (event) => {
    const px = event.clientX - svg.getBoundingClientRect().left;
    const minute = first + ((px - LEFT) / (width - LEFT - RIGHT)) * (last - first);
    if (minute < first || minute > last) return;
    cross.setAttribute('x1', px);
    cross.setAttribute('x2', px);
    cross.setAttribute('visibility', 'visible');
    const values = patient.series.map(({ info, length, points }) => {
      const point = points.findLast((candidate) => candidate.minute <= minute);
      if (!point) return undefined;
      const value = point.low === point.high ? `${point.low}` : `${point.low} to ${point.high}`;
      const age = Math.round(minute - point.minute - length);
      return `${labelOf(info)} ${value}${age > 60 ? ` (${Math.round(age / 60)} h old)` : ''}`;
    });
    readout.replaceChildren(h('b', {}, time.format(minute * 60_000)), ' ', values.filter(Boolean).join(' · '));
  });
  return svg;
}

/** What came of a patient, in words. */
const inWords = (fates) => fates.map((fate) => `${fate.came ? 'with' : 'without'} ${fate.kind === 'outcome' ? 'the outcome' : fate.kind}`);
const MOST_LISTED = 500;

function coursesSection(patients) {
  const starts = new Map(patients.map((patient) => [patient, patient.told.flat().filter((alert) => alert.phase === 0).length]));
  const sorted = patients.toSorted((one, other) => starts.get(other) - starts.get(one));
  const find = h('input', { type: 'search', placeholder: 'patient', 'aria-label': 'find a patient', oninput: list });
  const select = h('select', { size: 20, 'aria-label': 'patients, those with the most alerts first', onchange: () => show(select.value) });
  const title = h('h3', { style: 'margin-top:0' });
  const readout = h('p', { id: 'readout', class: 'soft' });
  const place = h('div', { id: 'course', class: 'wide' });
  let shown;

  function list() {
    const wanted = find.value.trim();
    const found = sorted.filter((patient) => patient.id.includes(wanted));
    select.replaceChildren(...found.slice(0, MOST_LISTED).map((patient) =>
      h('option', { value: patient.id }, `${patient.id} · ${starts.get(patient)} alerts${patient.fates.filter((fate) => fate.came).map((fate) => ` · ${fate.kind}`).join('')}`)));
    if (found.length > MOST_LISTED) select.append(h('option', { disabled: '' }, `${whole(found.length - MOST_LISTED)} more: type to find`));
    const first = found.find((patient) => patient.id === wanted) ?? found[0];
    if (first && (!shown || wanted)) show(first.id);
  }
  function show(id) {
    const patient = patients.find((candidate) => candidate.id === id);
    if (!patient) {
      title.textContent = `Patient ${id} is not among the courses of this file.`;
      place.replaceChildren();
      return;
    }
    shown = patient;
    select.value = id;
    title.replaceChildren(`Patient ${id}`, h('span', { class: 'soft', style: 'font-weight:400' }, ` ${[`${starts.get(patient)} ${starts.get(patient) === 1 ? 'alert' : 'alerts'}`, ...inWords(patient.fates)].join(', ')}`));
    readout.textContent = 'Point at the course to read its values. Times are UTC.';
    place.replaceChildren(chart(patient, Math.max(place.clientWidth, 520), readout));
  }
  window.addEventListener('resize', () => shown && show(shown.id));
  const left = latest.patients - patients.length;
  const element = section('Courses',
    h('p', { class: 'soft' }, 'Alerts over the vital signs and scores that they came from. Where a stay is long, a mark goes from the lowest to the highest value of its step.',
      left > 0 ? ` Of ${whole(left)} patients with few alerts there is no room for the course.` : ''),
    h('div', { class: 'browser' }, h('div', {}, find, select), h('div', {}, title, readout, place)));
  return { element, list, show };
}

// === The page ===

async function draw() {
  const courses = coursesSection(await unpack());
  const show = (id) => {
    courses.show(id);
    courses.element.scrollIntoView({ behavior: 'smooth' });
  };
  const each = (part) => reports.map((report, at) => part(report, isTwo ? `: ${NAMES[at]}` : '', show));
  document.title = `Back-test of ${reports.map((report) => `${report.pipeline} ${report.version}`).join(' and ')}`;
  document.getElementById('report').replaceChildren(heading(), ...(isTwo ? [differencesSection()] : []),
    ...each(alarmsSection), ...each(scoresSection), ...each(denominatorsSection).filter(Boolean), ...each(dataSection), ...each(noisiestSection), courses.element);
  courses.list();
}

draw().catch((error) => {
  document.getElementById('report').replaceChildren(h('p', {}, `This browser cannot draw the report: ${error.message}. Chromium 110, Firefox 115 and Safari 17 or newer can.`));
});
