// What every verb starts with, whatever it does.
export { explain } from './exit.ts'
export { helpOf } from './help.ts'
export { openTerminal } from './terminal.ts'
export { graceOf, parse } from './verb.ts'
