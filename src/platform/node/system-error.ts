import { UserError, type UserErrorCode } from '../user-error.ts'

const MEANINGS: Readonly<Record<string, { code: UserErrorCode; what: string; hint: string }>> = {
  ENOENT: { code: 'missing-file', what: 'does not exist', hint: 'check the path' },
  ENOTDIR: { code: 'missing-file', what: 'lies below something that is not a folder', hint: 'check the path' },
  EISDIR: { code: 'bad-argument', what: 'is a folder, not a file', hint: 'name a file in it' },
  EACCES: { code: 'unwritable', what: 'may not be accessed', hint: 'check the permissions of the file and its folder' },
  EPERM: { code: 'unwritable', what: 'may not be accessed', hint: 'check the permissions of the file and its folder' },
  EROFS: { code: 'unwritable', what: 'is on a read-only file system', hint: 'choose another folder' },
  ENOSPC: {
    code: 'out-of-resources',
    what: 'does not fit on the disk',
    hint: 'free some space or choose another disk',
  },
  EDQUOT: {
    code: 'out-of-resources',
    what: 'does not fit in the quota',
    hint: 'free some space or choose another disk',
  },
  EFBIG: {
    code: 'out-of-resources',
    what: 'is larger than a file may be here',
    hint: 'raise `ulimit -f`, or choose another disk',
  },
  EIO: { code: 'out-of-resources', what: 'is on a disk that reports an error', hint: 'look after the disk' },
  EMFILE: { code: 'out-of-resources', what: 'cannot be opened: too many open files', hint: 'raise `ulimit -n`' },
  ENAMETOOLONG: { code: 'bad-argument', what: 'has too long a name', hint: 'choose a shorter name' },
  ELOOP: { code: 'bad-argument', what: 'is a symbolic link that leads back to itself', hint: 'mend the link' },
  ENOTEMPTY: { code: 'unwritable', what: 'is a folder that is not empty', hint: 'choose another name' },
}

const FROM_STDIN = 'standard input is not read: write what comes out of it to a file, and name that'

/** What the operating system refused, as a UserError about `path`; other errors come back as they are. */
export function explainSystemError(error: unknown, path: string, doing: 'read' | 'write'): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code
  const meaning = code === undefined ? undefined : MEANINGS[code]
  if (!meaning) return error
  const unreadable = doing === 'read' && meaning.code === 'unwritable'
  const folderMissing = doing === 'write' && meaning.code === 'missing-file'
  const hint = path === '-' && doing === 'read' ? FROM_STDIN : meaning.hint
  return new UserError(
    unreadable ? 'missing-file' : folderMissing ? 'unwritable' : meaning.code,
    folderMissing ? `cannot write ${path}: its folder does not exist` : `cannot ${doing} ${path}: it ${meaning.what}`,
    { where: path, hint: folderMissing ? 'make the folder first, or choose another' : hint, cause: error },
  )
}
