import { isDrawbridgeError, messageOf, systemCodeOf } from '../../shared/errors.ts';
import { STATUS } from './protocol.ts';

/** A request that is answered with a status of this code. */
export class SftpFailure extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.name = 'SftpFailure';
    this.status = status;
  }
}

/** The status by which any error is answered. */
export function statusOf(error: unknown): { readonly code: number; readonly message: string } {
  if (error instanceof SftpFailure) return { code: error.status, message: error.message };
  if (isDrawbridgeError(error, 'ssh.protocol')) return { code: STATUS.BAD_MESSAGE, message: 'Bad message' };
  switch (systemCodeOf(error)) {
    case 'ENOENT':
    case 'ENOTDIR':
    case 'ELOOP':
      return { code: STATUS.NO_SUCH_FILE, message: 'No such file' };
    case 'EACCES':
    case 'EPERM':
    case 'EFAULT':
      return { code: STATUS.PERMISSION_DENIED, message: 'Permission denied' };
    case 'ENOSYS':
    case 'ENOTSUP':
      return { code: STATUS.OP_UNSUPPORTED, message: 'Operation unsupported' };
    default:
      return { code: STATUS.FAILURE, message: messageOf(error) };
  }
}
