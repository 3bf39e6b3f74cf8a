import { cacheFolder, cacheSize, clearCache, UserError } from '../platform/index.ts'
import type { Verb } from './verb.ts'

export const cacheVerb: Verb = {
  name: 'cache',
  usage: 'cache [list|clear]',
  summary: 'Where evidence is kept between runs, and how large it is. WHETSTONE_CACHE moves it.',
  positionals: { min: 0, max: 1, names: 'list or clear' },
  options: {},
  async run([action = 'list']) {
    if (action === 'list') {
      const { files, bytes } = await cacheSize()
      return { report: null, text: `${cacheFolder()}\n${files} files, ${(bytes / 1e6).toFixed(1)} MB` }
    }
    if (action === 'clear') return { report: null, text: `${await clearCache()} files deleted from ${cacheFolder()}` }
    throw new UserError('bad-argument', `cache ${action}: no such action`, {
      where: 'command line',
      hint: 'whet cache list, or whet cache clear',
    })
  },
}
