// What every verb starts with, whatever it does.
export { explain } from './exit.ts'
export { helpOf } from './help.ts'
export { parse } from './parse.ts'
export { openTerminal } from './terminal.ts'
export { graceOf } from './verb.ts'
