/**
 * Thrown while a message is read, by whatever finds that it is not as it should be; caught by the folder's own entry
 * points alone (`decrypt`, `verifySignature`, `readDetachedSignatures`), which make an answer of it. The text is for the log and
 * quotes nothing of the message.
 */
export class Damaged extends Error {
  override readonly name: string = "Damaged";
}
