// What terminals showed when they were left, kept in this browser: one entry a shell and person, with the offset of the
// output that the screen holds. Bounded in number, size and age; the oldest goes first. Where the browser gives no
// storage, a page begins with what the server still has.

const DATABASE = "console-terminals";
const STORE = "screens";
const MOST = 32;
const MOST_BYTES = 64 * 1024 * 1024;
const OLDEST = 7 * 24 * 3600 * 1000;

let opening = null;

function open() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE).createIndex("at", "at");
    request.onsuccess = () => {
      // Another page forgets everything: it must not have to wait for this one.
      request.result.onversionchange = () => request.result.close();
      resolve(request.result);
    };
    request.onerror = () => reject(request.error);
  });
  return opening;
}

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

function unavailable(error) {
  opening = null;
  console.info("Screens are not kept in this browser:", error?.message ?? error);
  return null;
}

/** What was kept under `key`, or null. */
export async function load(key) {
  try {
    const entry = await done((await open()).transaction(STORE).objectStore(STORE).get(key));
    return entry && Date.now() - entry.at < OLDEST ? entry : null;
  } catch (error) {
    return unavailable(error);
  }
}

/** Prepare to keep, so that `save` needs no waiting when the page is left. */
export async function prepare() {
  try {
    const database = await open();
    const trying = (action) => (...rest) => {
      try {
        action(database, ...rest);
      } catch (error) {
        unavailable(error); // closed, because everything was forgotten, or full
      }
    };
    return { save: trying(save), forget: trying(forget) };
  } catch (error) {
    return unavailable(error);
  }
}

function save(database, key, entry) {
  const store = database.transaction(STORE, "readwrite", { durability: "relaxed" }).objectStore(STORE);
  store.put({ ...entry, at: Date.now() }, key).onsuccess = () => evict(store, key);
}

function forget(database, key) {
  database.transaction(STORE, "readwrite").objectStore(STORE).delete(key);
}

function evict(store, kept) {
  let [number, bytes] = [0, 0];
  store.index("at").openCursor(null, "prev").onsuccess = ({ target: { result: cursor } }) => {
    if (!cursor) return;
    number += 1;
    bytes += cursor.value.bytes;
    const old = Date.now() - cursor.value.at > OLDEST;
    if (cursor.primaryKey !== kept && (old || number > MOST || bytes > MOST_BYTES)) cursor.delete();
    cursor.continue();
  };
}

/** Forget everything: somebody signed out, or another person signed in. */
export function forgetAll() {
  opening?.then((database) => database.close(), () => {});
  opening = null;
  try {
    indexedDB.deleteDatabase(DATABASE);
  } catch (error) {
    unavailable(error);
  }
}
