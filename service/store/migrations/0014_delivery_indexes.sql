-- By the lane first: also to find out whether something of a run still has to be sent.
DROP INDEX deliveries_pending;
CREATE INDEX deliveries_pending ON deliveries (lane, webhook_id, place) WHERE status = 'pending';

-- In one direction, so that comparing (webhook_id, id) finds a page.
DROP INDEX deliveries_by_webhook;
CREATE INDEX deliveries_by_webhook ON deliveries (webhook_id, id);
