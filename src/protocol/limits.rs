//! Every bound of the protocol, once, with its reason.

/// The most members a room may have: at 256 a chain's announcement takes up to 438 KiB and 60 ms.
pub const MEMBERS_HARD_MAX: u16 = 256;
/// Members of a room unless its owner says otherwise.
pub const MEMBERS_DEFAULT_MAX: u16 = 64;
/// Rooms on one host: bounds the memory of the logs (32 · 8 MiB).
pub const ROOMS_MAX: usize = 32;
/// Roster entries of a room over its whole life: 5.5 KiB each at most, and a joiner gets them all.
pub const ROSTER_ENTRIES_MAX: u64 = 2_048;
/// A message's text in bytes of UTF-8.
pub const TEXT_BYTES_MAX: usize = 16 * 1024;
/// A display name or room title in characters as people count them (grapheme clusters).
pub const NAME_CHARS_MAX: usize = 32;
/// The same in bytes of UTF-8: a family of emoji is one character and takes 25, a syllable of Hindi up to 12.
pub const NAME_BYTES_MAX: usize = 512;
/// Combining marks on one character of a name (UTS 39, 5.4): more reach into the lines above and below.
pub const NAME_MARKS_MAX: usize = 4;
/// A chain's key for one recipient in bytes: with ML-KEM-768 for an RSA-4096 key it is 1.8 KiB. A longer
/// one would not fit into its recipient's item.
pub const WRAP_BYTES_MAX: usize = 2 * 1024;
/// Frame bodies in bytes before membership: a `Join` or `Open` fits.
pub const JOINER_BODY_BYTES_MAX: usize = 8 * 1024;
/// Frame bodies in bytes for members: the largest type's own limit.
pub const MEMBER_BODY_BYTES_MAX: usize = 512 * 1024;

/// Messages a chain seals before a new one: bounds what one stolen chain key opens.
pub const CHAIN_MESSAGES_MAX: u64 = 1_000;
/// How long a chain is used, in milliseconds: a day.
pub const CHAIN_LIFE_MS: u64 = 24 * 3_600_000;
/// How long a prekey is used, in milliseconds: a day.
pub const PREKEY_LIFE_MS: u64 = 24 * 3_600_000;
/// How long the private half of a replaced prekey is kept for packets under way, in milliseconds.
pub const PREKEY_OLD_MS: u64 = 5 * 60_000;
/// Private prekeys kept at once: the live one and those replaced within [`PREKEY_OLD_MS`].
pub const PREKEYS_KEPT_MAX: usize = 8;
/// Positions whose log hashes are remembered to compare with other members', and by a host to know where
/// somebody was: 32 bytes each.
pub const LOG_HASHES_KEPT: usize = 16_384;
/// Log items a host keeps for members who come back after a cut. Receipts are items too, and look like any other
/// message: in a room of 16, each message is confirmed up to 15 times. Usually the limit in bytes is reached first.
pub const LOG_ITEMS_KEPT: usize = 16_000;
/// The same in bytes.
pub const LOG_BYTES_KEPT: usize = 8 * 1024 * 1024;
/// How long a host waits before it tries again to write or read a room's log, in milliseconds: a full disk does not get
/// room at once.
pub const LOG_RETRY_MS: u64 = 5_000;

/// An invite's life unless said otherwise, in milliseconds: a day.
pub const INVITE_LIFE_MS: u64 = 24 * 3_600_000;
/// Open invites of a room: each is about 100 bytes, and a class fits.
pub const INVITES_MAX: usize = 512;
/// Addresses in an invite: keeps its QR code small.
pub const INVITE_ADDRESSES_MAX: usize = 6;
/// An address in an invite in bytes: the longest DNS name and a port.
pub const ADDRESS_BYTES_MAX: usize = 260;
/// How far the date and the monotonic clock may drift apart before it counts as sleep, or as a clock that was set, in
/// milliseconds: a time service corrects less than that at once.
pub const JUMP_MS: u64 = 5_000;
/// How long nobody may ask for the time before it counts as a pause of the program, in milliseconds: whoever has links
/// asks every five seconds.
pub const PAUSE_MS: u64 = 10_000;
/// How long a member that comes back with an expired prekey may take to announce another, in milliseconds: what it
/// missed comes first.
pub const WAKE_MS: u64 = 10_000;
/// How far a member's clock may differ from ours before the person is told, in milliseconds: an hour, because less
/// affects only the times shown.
pub const CLOCK_DIFFERS_MS: u64 = 3_600_000;
/// Different clocks reported in one run of an app.
pub const CLOCKS_TOLD_MAX: usize = 8;
/// The first time that is no longer a date, in milliseconds since 1970: the year 10000.
pub const DATES_END_MS: u64 = 253_402_300_800_000;
/// A bundle's life, in milliseconds: two years; it is made anew at each start of the app.
pub const BUNDLE_LIFE_MS: u64 = 2 * 365 * 24 * 3_600_000;
/// How far ahead a peer's clock may be, in milliseconds: a day, for computers set to a wrong zone.
pub const CLOCK_SKEW_MS: u64 = 24 * 3_600_000;

/// Joiners with an invite who wait for an owner at once, in a room: the owner's program answers within moments, and a
/// class comes all at once.
pub const INVITED_WAITING_MAX: usize = 64;
/// The same from one IP address, behind which the class may be.
pub const INVITED_AN_ADDRESS_MAX: usize = 32;
/// Knocks that wait for an owner at once, in a room: more questions than these nobody answers.
pub const KNOCKS_WAITING_MAX: usize = 16;
/// The same from one IP address, so that one cannot ask all the questions.
pub const KNOCKS_AN_ADDRESS_MAX: usize = 4;
/// Knocks that an owner remembers, so that a host cannot show one twice: each is 40 bytes, and the oldest goes.
pub const KNOCKS_REMEMBERED: usize = 4_096;
/// How long a join waits for the owner, in milliseconds.
pub const WAITING_MS: u64 = 120_000;
/// How long a link may take from its proven key to its first frame, in milliseconds.
pub const FIRST_FRAME_MS: u64 = 5_000;
/// Wrong invites with one key before it has to wait: mistyped or old ones are fewer.
pub const WRONG_INVITES_MAX: u32 = 5;
/// How long that wait is, in milliseconds; each further wrong invite doubles it.
pub const WRONG_INVITES_WAIT_MS: u64 = 60_000;
/// The longest such wait, and how long wrong invites are remembered, in milliseconds: an hour.
pub const WRONG_INVITES_MS: u64 = 3_600_000;
/// Wrong invites from one IP address in [`WRONG_INVITES_AN_ADDRESS_MS`], whatever the keys: more than a class that was
/// given a wrong one.
pub const WRONG_INVITES_AN_ADDRESS_MAX: u32 = 64;
/// How long these are remembered, in milliseconds: a minute, because others behind that address are not to blame.
pub const WRONG_INVITES_AN_ADDRESS_MS: u64 = 60_000;
/// Keys whose wrong invites are remembered, and as many IP addresses; the oldest goes first.
pub const WRONG_INVITES_KEPT: usize = 1_024;

/// Messages of a member in a second, over time.
pub const MESSAGES_A_SECOND: u32 = 20;
/// Messages of a member at once.
pub const MESSAGES_BURST: u32 = 40;
/// Bytes of a member in a second, over time.
pub const BYTES_A_SECOND: u32 = 1024 * 1024;
/// Bytes of a member at once: its largest frames, a few times over.
pub const BYTES_BURST: u32 = 2 * 1024 * 1024;
/// Chain announcements and prekeys of a member at once; one more each second.
pub const KEYS_BURST: u32 = 16;
/// Pings, pongs and looks of a link at once; one more each second. An honest peer needs one in two
/// seconds while there is talk.
pub const QUESTIONS_BURST: u32 = 16;

/// How long a quiet link waits before it asks for a sign of life, in milliseconds.
pub const PING_AFTER_MS: u64 = 30_000;
/// How long without any frame until a link counts as dead, in milliseconds.
pub const DEAD_AFTER_MS: u64 = 90_000;
/// How long after sending something the other side is pinged, in milliseconds: most answers have arrived by then, and
/// the ping costs nothing.
pub const PING_AFTER_SAYING_MS: u64 = 3_000;
/// How long the answer to that may take, in milliseconds: with the wait before it, whoever sends into a dead link
/// knows within ten seconds; on a live one, only lost packets take more than five seconds.
pub const ANSWER_PING_MS: u64 = 5_000;
/// What the slowest usable line carries, in bytes per millisecond (half a megabit a second): after much was sent, an
/// answer may take that much longer.
pub const SLOW_LINE_BYTES_A_MS: u64 = 64;
/// How late a deadline may be handled before we assume that this computer was asleep, in milliseconds: a busy one is
/// not that late.
pub const LATE_MS: u64 = 2_000;
/// How often a host checks that its members answer while messages flow, in milliseconds.
pub const LOOK_AFTER_SAYING_MS: u64 = 1_000;
/// How long a host may take to answer a joiner, in milliseconds: it waits for the owner, and the answer needs time to
/// arrive.
pub const ANSWER_MS: u64 = WAITING_MS + 30_000;
/// How long the log up to the welcome may take to come, in milliseconds: all that a host keeps, over
/// a line of 256 kbit/s.
pub const SYNC_MS: u64 = 5 * 60_000;
/// The first wait before connecting again, in milliseconds; it doubles.
pub const RETRY_FIRST_MS: u64 = 1_000;
/// How long a host may show an older roster than was seen before the room is stopped, in milliseconds: an
/// owner who comes back to a host that restarted gives it the rest within seconds.
pub const OLDER_ROSTER_MS: u64 = 30_000;
/// The longest wait before connecting again, in milliseconds.
pub const RETRY_MAX_MS: u64 = 30_000;
/// How long after a loss the waits stay short, in milliseconds: a host that restarts is back within a minute, and
/// whoever comes back late misses what the others say.
pub const RETRY_SOON_MS: u64 = 60_000;
/// The longest of these short waits, in milliseconds; also the wait after sending too much, which allows a member two
/// announcements again.
pub const RETRY_SOON_MAX_MS: u64 = 3_000;

/// How long messages wait for members who were here when the host went down, in milliseconds: they retry every few
/// seconds, and whatever is said without them never reaches them.
pub const RETURN_MS: u64 = 30_000;
/// The same when it is unknown who was here, because the app restarted too.
pub const RETURN_UNKNOWN_MS: u64 = 10_000;

/// Messages that wait to be sent: as many as a person can type, or a script should have unsent.
pub const OUTBOX_MAX: usize = 1_000;
/// Messages that one client may have on their way to the host at once: bounds what a cut repeats.
pub const IN_FLIGHT_MAX: usize = 64;
/// In rooms up to this size, members introduce themselves to new members and confirm what they received: both cost
/// each member an announcement, so the total grows with the square of the members.
pub const TALKATIVE_MEMBERS_MAX: usize = 16;
/// How long an introduction waits for more new members, in milliseconds.
pub const INTRODUCE_AFTER_MS: u64 = 150;
/// How long a confirmation waits for more messages, in milliseconds.
pub const RECEIPT_AFTER_MS: u64 = 300;
