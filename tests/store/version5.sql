-- A store as version 5 of the tables was written: the one in version4.sql, brought up to date by the program of commit
-- 4413402, with an import that can be undone, a reader who asked to join and one who asked for another address, two
-- mails to single readers, chosen preferences and a pause. The message templates are left out for their size. In
-- SQLite's words; old_stores.py puts it into PostgreSQL's. It never changes: such stores are out there.

CREATE TABLE campaigns (
    publication VARCHAR NOT NULL,
    issue VARCHAR NOT NULL,
    id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    corrects VARCHAR,
    subject TEXT NOT NULL,
    draft_sha256 VARCHAR NOT NULL,
    created_at VARCHAR NOT NULL,
    finished_at VARCHAR,
    cancelled_at VARCHAR,
    runs INTEGER NOT NULL,
    rules TEXT NOT NULL,
    left_out INTEGER NOT NULL,
    due_at VARCHAR,
    expires_at VARCHAR,
    text_sha256 VARCHAR,
    commit_id VARCHAR,
    seed VARCHAR,
    PRIMARY KEY (publication, issue),
    UNIQUE (id)
);
INSERT INTO campaigns VALUES('main','1.3','64322fbef2af1bec','issue',NULL,'A sending that version 3 scheduled','37759c69b060d3e09bbc0754d7c7e0c95b4c9b91d0f51f40f27c2525ad499265','2026-11-30T06:25:48+00:00',NULL,NULL,0,'[[], ["even"]]',0,'2026-12-24T14:00:00+00:00','2026-12-25T14:00:00+00:00',NULL,NULL,'20ff4036a0a1a96bd36c6bbdc02d48e6');
INSERT INTO campaigns VALUES('main','1.2','6a506ccee0fb9c58','issue',NULL,'A sending that version 3 began','9b8afc4724bacfd7fb6bf38504d2aeafbf260712275734685514a2fd89c4542a','2026-11-30T06:25:53+00:00',NULL,NULL,1,'[[], ["even"]]',0,NULL,NULL,NULL,NULL,'58b0dda96c8c6d356ddbae15a697380a');
CREATE TABLE consent_words (
    publication VARCHAR NOT NULL,
    sha256 VARCHAR NOT NULL,
    words TEXT NOT NULL,
    PRIMARY KEY (publication, sha256)
);
INSERT INTO consent_words VALUES('main','946ad16f7597f88c0f0862b7908540fb0ce831e26b4c8bdc7626a1dff715e6af','Yes, send me the digest.');
CREATE TABLE events (
    id INTEGER NOT NULL,
    publication VARCHAR NOT NULL,
    subscriber VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    stage VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    batch VARCHAR NOT NULL,
    issue VARCHAR,
    evidence TEXT NOT NULL,
    said_at VARCHAR NOT NULL,
    at VARCHAR NOT NULL,
    PRIMARY KEY (id)
);
INSERT INTO events VALUES(1,'main','asked@example.org','unsubscribed','unsubscribed','','editor','',NULL,'{}','2026-11-30T06:25:45.790+00:00','2026-11-30T06:25:45.790+00:00');
INSERT INTO events VALUES(2,'main','reader0001@example.org','unsubscribed','unsubscribed','','one-click','','1.1','{}','2026-11-01T12:00:00.000+00:00','2026-11-30T06:25:46.623+00:00');
INSERT INTO events VALUES(3,'main','reader0001@example.org','reason','','','page','','1.1','{"words": "Too much mail, for me."}','2026-11-01T12:00:00.000+00:00','2026-11-30T06:25:46.630+00:00');
INSERT INTO events VALUES(4,'main','full@example.org','hard bounce','mailbox_full','rcpt','mail','2026-11-02T09:00:00Z','1.1','{"code": "5.2.2", "words": "552 5.2.2 mailbox full", "reading": "2026-11-02T09:00:00Z", "stage": "RCPT TO"}','2026-11-01T12:00:00.000+00:00','2026-11-30T06:25:46.633+00:00');
INSERT INTO events VALUES(5,'main','unknown@example.org','hard bounce','unknown_user','','mail','2026-11-02T09:00:00Z','1.1','{"code": "5.1.1", "words": "550 5.1.1 No such user", "reading": "2026-11-02T09:00:00Z"}','2026-11-01T12:00:00.000+00:00','2026-11-30T06:25:46.641+00:00');
INSERT INTO events VALUES(6,'main','spam@example.org','complained','complaint','','mail','','1.1','{"words": "abuse"}','2026-11-01T12:00:00.000+00:00','2026-11-30T06:25:46.649+00:00');
INSERT INTO events VALUES(7,'main','soft@example.org','soft bounce','mailbox_full','','mail','','1.1','{"code": "4.2.2", "words": "452 4.2.2 later"}','2026-11-01T12:00:00.000+00:00','2026-11-30T06:25:46.654+00:00');
INSERT INTO events VALUES(8,'main','blocked@example.org','blocked','blocked_sender','','mail','','1.1','{"code": "5.7.1", "words": "554 5.7.1 blocked"}','2026-11-01T12:00:00.000+00:00','2026-11-30T06:25:46.661+00:00');
INSERT INTO events VALUES(9,'main','back@example.org','unsubscribed','unsubscribed','','page','','1.1','{}','2026-11-01T12:00:00.000+00:00','2026-11-30T06:25:46.666+00:00');
INSERT INTO events VALUES(10,'main','back@example.org','returned','','','page','','1.1','{}','2026-11-01T12:00:00.000+00:00','2026-11-30T06:25:46.670+00:00');
INSERT INTO events VALUES(11,'main','told@example.org','suppressed','manual','','editor','',NULL,'{"words": "asked by telephone, \"twice\""}','2026-11-01T12:00:00.000+00:00','2026-11-30T06:25:46.682+00:00');
INSERT INTO events VALUES(12,'brief','bob@example.org','unsubscribed','unsubscribed','','page','',NULL,'{}','2026-11-30T19:14:36.772+00:00','2026-11-30T19:14:36.772+00:00');
INSERT INTO events VALUES(13,'brief','eve@example.org','hard bounce','manual','','editor','',NULL,'{}','2026-11-30T19:14:36.780+00:00','2026-11-30T19:14:36.780+00:00');
INSERT INTO events VALUES(14,'main','ada@example.org','paused','','','page','',NULL,'{"until": "2026-12-30T23:44:33.436+00:00"}','2026-11-30T23:44:33.438+00:00','2026-11-30T23:44:33.438+00:00');
CREATE TABLE facts (
    publication VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    PRIMARY KEY (publication, "key")
);
INSERT INTO facts VALUES('main','erased_by','e7c8d43e245acde1');
INSERT INTO facts VALUES('main','last generation','8845d8d72555b6c6 11 6 1');
INSERT INTO facts VALUES('brief','subscribers_changed_at','2026-11-30T19:14:36.768+00:00');
INSERT INTO facts VALUES('main','subscriber_columns','["email", "name", "tags"]');
INSERT INTO facts VALUES('main','subscribers_changed_at','2026-11-30T23:44:33.426+00:00');
CREATE TABLE forgotten (
    publication VARCHAR NOT NULL,
    digest VARCHAR NOT NULL,
    at VARCHAR NOT NULL,
    PRIMARY KEY (publication, digest)
);
INSERT INTO forgotten VALUES('main','862cb2f84ecc01d13ab2600784839677320e66b90b29041e255e6626871f95d2','2026-11-30T06:25:46.978+00:00');
CREATE TABLE generations (
    publication VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    at VARCHAR NOT NULL,
    PRIMARY KEY (publication, name)
);
INSERT INTO generations VALUES('main','8845d8d72555b6c6','');
CREATE TABLE handled (
    publication VARCHAR NOT NULL,
    "key" VARCHAR NOT NULL,
    at VARCHAR NOT NULL,
    PRIMARY KEY (publication, "key")
);
INSERT INTO handled VALUES('main','mail-1','2026-11-30T06:25:46.683+00:00');
INSERT INTO handled VALUES('main','mail-2','2026-11-30T06:25:46.683+00:00');
CREATE TABLE meta (
    "key" VARCHAR NOT NULL,
    value VARCHAR NOT NULL,
    PRIMARY KEY ("key")
);
INSERT INTO meta VALUES('schema_version','5');
CREATE TABLE subscribers (
    publication VARCHAR NOT NULL,
    subscriber VARCHAR NOT NULL,
    address VARCHAR NOT NULL,
    status VARCHAR NOT NULL,
    fields TEXT NOT NULL,
    tags TEXT NOT NULL,
    language VARCHAR NOT NULL,
    time_zone VARCHAR NOT NULL,
    created_at VARCHAR NOT NULL,
    changed_at VARCHAR NOT NULL,
    PRIMARY KEY (publication, subscriber)
);
INSERT INTO subscribers VALUES('main','ada@example.org','ada@example.org','active','{"name": "Ada L."}','["board"]','ja','','2026-11-30T19:14:36.763+00:00','2026-11-30T23:44:33.426+00:00');
INSERT INTO subscribers VALUES('main','bob@example.org','bob@example.org','active','{}','[]','','','2026-11-30T19:14:36.763+00:00','2026-11-30T19:14:36.763+00:00');
INSERT INTO subscribers VALUES('brief','ada@example.org','ada@example.org','active','{}','[]','','','2026-11-30T19:14:36.768+00:00','2026-11-30T19:14:36.768+00:00');
INSERT INTO subscribers VALUES('main','cem@example.org','cem@example.org','active','{"name": "Cem"}','[]','','','2026-11-30T23:44:33.426+00:00','2026-11-30T23:44:33.426+00:00');
CREATE TABLE suppressions (
    publication VARCHAR NOT NULL,
    subscriber VARCHAR NOT NULL,
    cause VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    stage VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    batch VARCHAR NOT NULL,
    words TEXT NOT NULL,
    at VARCHAR NOT NULL, until VARCHAR,
    PRIMARY KEY (publication, subscriber, cause)
);
INSERT INTO suppressions VALUES('main','asked@example.org','unsubscribed','unsubscribed','','editor','','','2026-11-30T06:25:45.789+00:00',NULL);
INSERT INTO suppressions VALUES('main','reader0001@example.org','unsubscribed','unsubscribed','','one-click','','','2026-11-30T06:25:46.622+00:00',NULL);
INSERT INTO suppressions VALUES('main','full@example.org','bounced','mailbox_full','rcpt','mail','2026-11-02T09:00:00Z','552 5.2.2 mailbox full','2026-11-30T06:25:46.632+00:00',NULL);
INSERT INTO suppressions VALUES('main','unknown@example.org','bounced','unknown_user','','mail','2026-11-02T09:00:00Z','550 5.1.1 No such user','2026-11-30T06:25:46.641+00:00',NULL);
INSERT INTO suppressions VALUES('main','spam@example.org','complained','complaint','','mail','','abuse','2026-11-30T06:25:46.648+00:00',NULL);
INSERT INTO suppressions VALUES('main','told@example.org','suppressed','manual','','editor','','asked by telephone, "twice"','2026-11-30T06:25:46.678+00:00',NULL);
INSERT INTO suppressions VALUES('brief','bob@example.org','unsubscribed','unsubscribed','','page','','','2026-11-30T19:14:36.772+00:00',NULL);
INSERT INTO suppressions VALUES('*','eve@example.org','bounced','manual','','editor','','','2026-11-30T19:14:36.780+00:00',NULL);
INSERT INTO suppressions VALUES('main','ada@example.org','paused','','','page','','','2026-11-30T23:44:33.437+00:00','2026-12-30T23:44:33.436+00:00');
CREATE TABLE tests (
    id INTEGER NOT NULL,
    publication VARCHAR NOT NULL,
    issue VARCHAR NOT NULL,
    text_sha256 VARCHAR NOT NULL,
    at VARCHAR NOT NULL,
    PRIMARY KEY (id)
);
INSERT INTO tests VALUES(1,'main','1.2','81fea2021764aca275162a6f4fe49dae4ffcef21a98e04df44b0fc4c1a3a5c22','2026-11-30T06:25:48.091+00:00');
CREATE TABLE batches (
    publication VARCHAR NOT NULL,
    issue VARCHAR NOT NULL,
    tag VARCHAR NOT NULL,
    created_at VARCHAR NOT NULL,
    PRIMARY KEY (publication, issue, tag),
    FOREIGN KEY(publication, issue) REFERENCES campaigns (publication, issue)
);
INSERT INTO batches VALUES('main','1.3','','2026-11-30T06:25:48.967+00:00');
INSERT INTO batches VALUES('main','1.2','','2026-11-30T06:25:54.268+00:00');
CREATE TABLE consents (
    id INTEGER NOT NULL,
    publication VARCHAR NOT NULL,
    subscriber VARCHAR NOT NULL,
    given_at VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    words_sha256 VARCHAR,
    evidence TEXT NOT NULL, batch VARCHAR DEFAULT '' NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(publication, words_sha256) REFERENCES consent_words (publication, sha256)
);
INSERT INTO consents VALUES(1,'main','ada@example.org','2026-03-01T09:30:00.000+00:00','import','946ad16f7597f88c0f0862b7908540fb0ce831e26b4c8bdc7626a1dff715e6af','{"note": "form on paper"}','');
INSERT INTO consents VALUES(2,'main','ada@example.org','2026-01-02T00:00:00.000+00:00','import',NULL,'{}','import-2026-11-30T23:44:33.421');
INSERT INTO consents VALUES(3,'main','cem@example.org','2026-03-01T00:00:00.000+00:00','import',NULL,'{}','import-2026-11-30T23:44:33.421');
CREATE TABLE templates (
    id INTEGER NOT NULL,
    publication VARCHAR NOT NULL,
    issue VARCHAR NOT NULL,
    variant VARCHAR NOT NULL,
    language VARCHAR NOT NULL,
    payload BLOB NOT NULL,
    PRIMARY KEY (id),
    FOREIGN KEY(publication, issue) REFERENCES campaigns (publication, issue)
);
INSERT INTO templates VALUES(1,'main','1.3','10@37759c69b060d3e0','',X'00');
INSERT INTO templates VALUES(2,'main','1.3','11@37759c69b060d3e0','',X'00');
INSERT INTO templates VALUES(3,'main','1.2','10@9b8afc4724bacfd7','',X'00');
INSERT INTO templates VALUES(4,'main','1.2','11@9b8afc4724bacfd7','',X'00');
CREATE TABLE workers (
    id VARCHAR NOT NULL,
    publication VARCHAR NOT NULL,
    issue VARCHAR NOT NULL,
    host VARCHAR NOT NULL,
    started_at VARCHAR NOT NULL,
    heartbeat_at VARCHAR NOT NULL,
    lease_until FLOAT NOT NULL,
    ended_at VARCHAR,
    why TEXT,
    PRIMARY KEY (id),
    FOREIGN KEY(publication, issue) REFERENCES campaigns (publication, issue)
);
INSERT INTO workers VALUES('bc01b96ee040006f','main','1.2','','2026-11-30T06:25:54.305+00:00','2026-11-30T06:25:54.305+00:00',0.0,NULL,NULL);
CREATE TABLE deliveries (
    id INTEGER NOT NULL,
    publication VARCHAR NOT NULL,
    issue VARCHAR NOT NULL,
    subscriber VARCHAR NOT NULL,
    address VARCHAR NOT NULL,
    fields TEXT NOT NULL,
    tags TEXT NOT NULL,
    language VARCHAR NOT NULL,
    template INTEGER NOT NULL,
    state VARCHAR NOT NULL,
    worker VARCHAR,
    lease_until FLOAT,
    returns INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    due FLOAT NOT NULL,
    stage VARCHAR,
    code INTEGER,
    enhanced VARCHAR,
    reply TEXT,
    provider_id VARCHAR,
    at VARCHAR,
    took INTEGER,
    PRIMARY KEY (id),
    FOREIGN KEY(publication, issue) REFERENCES campaigns (publication, issue),
    UNIQUE (publication, issue, subscriber),
    FOREIGN KEY(template) REFERENCES templates (id)
);
INSERT INTO deliveries VALUES(1,'main','1.3','reader0000@example.org','reader0000@example.org','{"email": "reader0000@example.org", "name": "Reader 0"}','["even"]','',2,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(2,'main','1.3','reader0001@example.org','reader0001@example.org','{"email": "reader0001@example.org", "name": "Reader 1"}','["odd"]','',1,'suppressed',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(3,'main','1.3','reader0002@example.org','reader0002@example.org','{"email": "reader0002@example.org", "name": "Reader 2"}','["even"]','',2,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(4,'main','1.3','reader0003@example.org','reader0003@example.org','{"email": "reader0003@example.org", "name": "Reader 3"}','["odd"]','',1,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(5,'main','1.3','reader0004@example.org','reader0004@example.org','{"email": "reader0004@example.org", "name": "Reader 4"}','["even"]','',2,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(6,'main','1.3','reader0005@example.org','reader0005@example.org','{"email": "reader0005@example.org", "name": "Reader 5"}','["odd"]','',1,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(7,'main','1.3','reader0006@example.org','reader0006@example.org','{"email": "reader0006@example.org", "name": "Reader 6"}','["even"]','',2,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(8,'main','1.3','reader0007@example.org','reader0007@example.org','{"email": "reader0007@example.org", "name": "Reader 7"}','["odd"]','',1,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(9,'main','1.3','reader0008@example.org','reader0008@example.org','{"email": "reader0008@example.org", "name": "Reader 8"}','["even"]','',2,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(10,'main','1.3','reader0009@example.org','reader0009@example.org','{"email": "reader0009@example.org", "name": "Reader 9"}','["odd"]','',1,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(11,'main','1.3','reader0010@example.org','reader0010@example.org','{"email": "reader0010@example.org", "name": "Reader 10"}','["even"]','',2,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(12,'main','1.3','reader0011@example.org','reader0011@example.org','{"email": "reader0011@example.org", "name": "Reader 11"}','["odd"]','',1,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(13,'main','1.3','reader0012@example.org','reader0012@example.org','{"email": "reader0012@example.org", "name": "Reader 12"}','["even"]','',2,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(14,'main','1.3','reader0013@example.org','reader0013@example.org','{"email": "reader0013@example.org", "name": "Reader 13"}','["odd"]','',1,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(15,'main','1.3','reader0014@example.org','reader0014@example.org','{"email": "reader0014@example.org", "name": "Reader 14"}','["even"]','',2,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(16,'main','1.2','reader0000@example.org','reader0000@example.org','{"email": "reader0000@example.org", "name": "Reader 0"}','["even"]','',4,'accepted','bc01b96ee040006f',NULL,0,1,0,1.0e+15,'text',250,'2.0.0','Ok: stored',NULL,'2026-11-30T06:25:54.404+00:00',22);
INSERT INTO deliveries VALUES(17,'main','1.2','reader0001@example.org','reader0001@example.org','{"email": "reader0001@example.org", "name": "Reader 1"}','["odd"]','',3,'suppressed',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(18,'main','1.2','reader0002@example.org','reader0002@example.org','{"email": "reader0002@example.org", "name": "Reader 2"}','["even"]','',4,'refused','bc01b96ee040006f',NULL,0,1,0,1.0e+15,'rcpt',550,'5.1.1','No such mailbox',NULL,'2026-11-30T06:25:54.414+00:00',11);
INSERT INTO deliveries VALUES(19,'main','1.2','reader0003@example.org','reader0003@example.org','{"email": "reader0003@example.org", "name": "Reader 3"}','["odd"]','',3,'deferred','bc01b96ee040006f',NULL,0,1,1,1.0e+15,'rcpt',451,'4.3.2','Try again later',NULL,'2026-11-30T06:25:54.425+00:00',10);
INSERT INTO deliveries VALUES(20,'main','1.2','reader0004@example.org','reader0004@example.org','{"email": "reader0004@example.org", "name": "Reader 4"}','["even"]','',4,'accepted','bc01b96ee040006f',NULL,0,1,0,1.0e+15,'text',250,'2.0.0','Ok: stored',NULL,'2026-11-30T06:25:54.432+00:00',5);
INSERT INTO deliveries VALUES(21,'main','1.2','reader0005@example.org','reader0005@example.org','{"email": "reader0005@example.org", "name": "Reader 5"}','["odd"]','',3,'accepted','bc01b96ee040006f',NULL,0,1,0,1.0e+15,'text',250,'2.0.0','Ok: stored',NULL,'2026-11-30T06:25:54.440+00:00',11);
INSERT INTO deliveries VALUES(22,'main','1.2','reader0006@example.org','reader0006@example.org','{"email": "reader0006@example.org", "name": "Reader 6"}','["even"]','',4,'sending','bc01b96ee040006f',0.0,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(23,'main','1.2','reader0007@example.org','reader0007@example.org','{"email": "reader0007@example.org", "name": "Reader 7"}','["odd"]','',3,'sending','bc01b96ee040006f',0.0,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(24,'main','1.2','reader0008@example.org','reader0008@example.org','{"email": "reader0008@example.org", "name": "Reader 8"}','["even"]','',4,'sending','bc01b96ee040006f',0.0,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(25,'main','1.2','reader0009@example.org','reader0009@example.org','{"email": "reader0009@example.org", "name": "Reader 9"}','["odd"]','',3,'sending','bc01b96ee040006f',0.0,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(26,'main','1.2','reader0010@example.org','reader0010@example.org','{"email": "reader0010@example.org", "name": "Reader 10"}','["even"]','',4,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(27,'main','1.2','reader0011@example.org','reader0011@example.org','{"email": "reader0011@example.org", "name": "Reader 11"}','["odd"]','',3,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(28,'main','1.2','reader0012@example.org','reader0012@example.org','{"email": "reader0012@example.org", "name": "Reader 12"}','["even"]','',4,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(29,'main','1.2','reader0013@example.org','reader0013@example.org','{"email": "reader0013@example.org", "name": "Reader 13"}','["odd"]','',3,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO deliveries VALUES(30,'main','1.2','reader0014@example.org','reader0014@example.org','{"email": "reader0014@example.org", "name": "Reader 14"}','["even"]','',4,'pending',NULL,NULL,0,0,0,0.0,NULL,NULL,NULL,NULL,NULL,NULL,NULL);
CREATE TABLE reader_requests (
    id INTEGER NOT NULL,
    publication VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    subscriber VARCHAR NOT NULL,
    address VARCHAR NOT NULL,
    previous VARCHAR,
    fields TEXT NOT NULL,
    tags TEXT NOT NULL,
    language VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    words_sha256 VARCHAR,
    commit_id VARCHAR,
    network VARCHAR,
    state VARCHAR NOT NULL,
    requested_at VARCHAR NOT NULL,
    confirmed_at VARCHAR,
    previous_confirmed_at VARCHAR,
    PRIMARY KEY (id),
    FOREIGN KEY(publication, words_sha256) REFERENCES consent_words (publication, sha256)
);
INSERT INTO reader_requests VALUES(1,'main','join','new@example.org','New@example.org',NULL,'{"name": "New"}','["board"]','de','page',NULL,NULL,NULL,'new','2026-11-30T23:44:33.430+00:00',NULL,NULL);
INSERT INTO reader_requests VALUES(2,'main','change-address','ada.l@example.org','ada.l@example.org','ada@example.org','{}','[]','','page',NULL,NULL,NULL,'asked','2026-11-30T23:44:33.430+00:00',NULL,NULL);
CREATE TABLE transactional_mails (
    id INTEGER NOT NULL,
    publication VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,
    subscriber VARCHAR NOT NULL,
    address VARCHAR NOT NULL,
    language VARCHAR NOT NULL,
    request INTEGER,
    issue VARCHAR,
    state VARCHAR NOT NULL,
    worker VARCHAR,
    lease_until FLOAT,
    attempts INTEGER NOT NULL,
    due FLOAT NOT NULL,
    stage VARCHAR,
    code INTEGER,
    enhanced VARCHAR,
    reply TEXT,
    created_at VARCHAR NOT NULL,
    at VARCHAR,
    PRIMARY KEY (id)
);
INSERT INTO transactional_mails VALUES(1,'main','confirm-new-address','ada.l@example.org','ada.l@example.org','',2,NULL,'waiting',NULL,NULL,0,0.0,NULL,NULL,NULL,NULL,'2026-11-30T23:44:33.431+00:00',NULL);
INSERT INTO transactional_mails VALUES(2,'main','access-link','bob@example.org','bob@example.org','',NULL,NULL,'accepted','7d0b9ff1c7c8f3a0',NULL,1,1.79608227343508696557e+09,'text',250,'2.0.0','Ok: stored','2026-11-30T23:44:33.432+00:00','2026-11-30T23:44:33.435+00:00');
CREATE TABLE preferences (
    publication VARCHAR NOT NULL,
    subscriber VARCHAR NOT NULL,
    chosen TEXT NOT NULL,
    changed_at VARCHAR NOT NULL,
    PRIMARY KEY (publication, subscriber)
);
INSERT INTO preferences VALUES('main','bob@example.org','{"language": "ja", "tags": {"board": false}, "frequency": "summary"}','2026-11-30T23:44:33.433+00:00');
CREATE TABLE imports (
    publication VARCHAR NOT NULL,
    batch VARCHAR NOT NULL,
    file VARCHAR NOT NULL,
    form VARCHAR NOT NULL,
    at VARCHAR NOT NULL,
    undone_at VARCHAR,
    PRIMARY KEY (publication, batch)
);
INSERT INTO imports VALUES('main','import-2026-11-30T23:44:33.421','list.csv','','2026-11-30T23:44:33.421+00:00',NULL);
CREATE TABLE import_changes (
    publication VARCHAR NOT NULL,
    batch VARCHAR NOT NULL,
    subscriber VARCHAR NOT NULL,
    "before" TEXT,
    "after" TEXT,
    PRIMARY KEY (publication, batch, subscriber)
);
INSERT INTO import_changes VALUES('main','import-2026-11-30T23:44:33.421','ada@example.org','{"address": "ada@example.org", "status": "active", "fields": {"name": "Ada"}, "tags": ["board"], "language": "ja", "time_zone": ""}','{"hash": "37b5b3725e668ed45194b19b"}');
INSERT INTO import_changes VALUES('main','import-2026-11-30T23:44:33.421','cem@example.org',NULL,'{"hash": "2e4ab63d8d9356a78bfc1148"}');
CREATE INDEX consents_by_subscriber ON consents (publication, subscriber, id);
CREATE INDEX deliveries_by_state ON deliveries (publication, issue, state, due, id);
CREATE INDEX events_by_issue ON events (publication, issue, kind);
CREATE INDEX events_by_subscriber ON events (publication, subscriber, id);
CREATE INDEX reader_requests_by_moment ON reader_requests (publication, requested_at);
CREATE INDEX reader_requests_by_previous ON reader_requests (publication, previous, id);
CREATE INDEX reader_requests_by_state ON reader_requests (publication, state, id);
CREATE INDEX reader_requests_by_subscriber ON reader_requests (publication, subscriber, id);
CREATE INDEX subscribers_by_status ON subscribers (publication, status, subscriber);
CREATE INDEX suppressions_by_batch ON suppressions (publication, batch);
CREATE INDEX templates_by_issue ON templates (publication, issue, id);
CREATE INDEX tests_by_issue ON tests (publication, issue, id);
CREATE INDEX transactional_mails_by_issue ON transactional_mails (publication, issue, subscriber);
CREATE INDEX transactional_mails_by_state ON transactional_mails (publication, state, due, id);
CREATE INDEX transactional_mails_by_subscriber ON transactional_mails (publication, subscriber, id);
CREATE INDEX workers_by_issue ON workers (publication, issue, started_at);
