import Sequencer from '@jest/test-sequencer';

/**
 * The order of spec files: those over real servers begin first. Jest orders by the size of the file, since a fresh clone
 * knows no durations, and a short file that waits long would begin last and be waited for alone.
 */
export default class LongestFirst extends Sequencer {
  async sort(tests) {
    const isInt = ({ path }) => path.endsWith('.int.spec.js');
    const bySize = await super.sort(tests);
    return [...bySize.filter(isInt), ...bySize.filter((test) => !isInt(test))];
  }
}
