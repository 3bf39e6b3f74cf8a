// Vitest's summary is made for eyes; the last line of a run is for programs: `NNN passed, N failed`.
export default class ClosingLine {
  onTestRunEnd(modules, unhandled) {
    const counts = { passed: 0, failed: unhandled.length, skipped: 0 }
    for (const module of modules) {
      const tests = [...module.children.allTests()]
      for (const test of tests) {
        counts[test.result().state] = (counts[test.result().state] ?? 0) + 1
        // A test that needs luck is to be mended: it shall not hide behind its second try.
        if (test.diagnostic()?.flaky) process.stdout.write(`passed only when tried again: ${test.fullName}\n`)
      }
      // A file that could not even be read has no tests that could fail.
      if (module.state() === 'failed' && tests.every((test) => test.result().state !== 'failed')) counts.failed++
    }
    if (counts.skipped > 0) process.stdout.write(`${counts.skipped} skipped\n`)
    process.stdout.write(`${counts.passed} passed, ${counts.failed} failed\n`)
  }
}
