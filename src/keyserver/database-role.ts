/** The PostgreSQL role of the keyserver: it reads what is published, and no more. */
export { grantsFor } from "../store/keys/keyserver-role.ts";
