import { randomNumbers } from '../src/data/random-numbers.ts'
import { openStore, readPrivateKey } from '../src/store/index.ts'

/**
 * Pushes, tags and collects without end, until it is killed: `store-kill-worker FOLDER KEY SEED MODEL…`. Says "go" when
 * it begins.
 */
const [folder, key, seed, ...models] = process.argv.slice(2) as [string, string, string, ...string[]]
const store = openStore(folder)
const sign = await readPrivateKey(key)
const random = randomNumbers(Number(seed))
/** The order of acts is the seed's. */
const draw = (below: number) => Math.floor(random() * below)
process.stdout.write('go\n')
for (let turn = 0; ; turn++) {
  const model = models[draw(models.length)]!
  const act = draw(5)
  if (act < 3) await store.put('digits', { model, intendedUse: `turn ${seed}.${turn}` }, { tag: 'live', sign })
  else if (act === 3) {
    const entries = await store.list('digits')
    await store.tag('digits', 'live', entries[draw(entries.length)]!.digest)
  } else await store.collect({ graceMs: 0, untagged: draw(2) === 0 })
}
