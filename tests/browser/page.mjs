// What the station's page shows, read in one go so that all parts belong to the same moment.
//
// The page's contract with this test, all attributes:
//   data-bed      a tile; its value is the bed         data-urgency  on a tile, a number, larger is more urgent
//   data-score    in a tile: the score, or why none    data-age      in a tile: the age of one input
//   data-name     in a tile: one input
//   data-alert    a row of the alert list              data-banner   shown when feed or heartbeat has stopped

/** Tiles in reading order (rows from the top, each from the left), alerts, the banner and the page's text. */
export function readStation(page) {
  return page.evaluate(() => {
    const shown = (element) => element.checkVisibility({ checkOpacity: true, checkVisibilityCSS: true });
    const texts = (root, selector) => [...root.querySelectorAll(selector)].map((found) => found.innerText.trim());
    const tiles = [...document.querySelectorAll('[data-bed]')].filter(shown).map((tile) => {
      const { top, left } = tile.getBoundingClientRect();
      return {
        bed: tile.dataset.bed,
        urgency: Number.parseFloat(tile.dataset.urgency),
        scores: texts(tile, '[data-score]'),
        inputs: tile.querySelectorAll('[data-name]').length,
        ages: texts(tile, '[data-age]'),
        top: Math.round(top),
        left,
      };
    });
    tiles.sort((a, b) => a.top - b.top || a.left - b.left);
    return {
      tiles,
      alerts: texts(document, '[data-alert]'),
      banners: document.querySelectorAll('[data-banner]').length,
      bannerShown: [...document.querySelectorAll('[data-banner]')].some(shown),
      text: document.body.innerText,
    };
  });
}
