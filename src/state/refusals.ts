// For those who see only what their work threw: reconcile/ knows no host/.
export { refusalOf } from "../host/errno.ts";
