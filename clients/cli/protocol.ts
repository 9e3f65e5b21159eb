/** The admin service's definition. The build of the single binary puts it in as data (build.ts): it has no files beside it. */
export { adminDefinition } from "../../collector/admin/control/protocol.ts";
