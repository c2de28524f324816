package gantry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.junit.jupiter.api.Test;

/** A store directory written by one broker is opened by the other, which answers the same. */
class StoreExchangeTest {
    private static final Map<String, String> SMALL = Map.of(
        "mappedFileSizeCommitLog", "131072", "maxMessageSize", "65536", "mappedFileSizeConsumeQueue", "2000");

    @Test
    void gantryWritesAndApacheReads() throws Exception {
        exchange(Kind.chosen(), Kind.APACHE, false);
    }

    @Test
    void apacheWritesAndGantryReads() throws Exception {
        exchange(Kind.APACHE, Kind.chosen(), false);
    }

    @Test
    void gantryIsKilledAndApacheRecovers() throws Exception {
        exchange(Kind.chosen(), Kind.APACHE, true);
    }

    @Test
    void apacheIsKilledAndGantryRecovers() throws Exception {
        exchange(Kind.APACHE, Kind.chosen(), true);
    }

    private static void exchange(Kind writer, Kind reader, boolean kill) throws Exception {
        Map<String, String> before;
        Path written;
        try (Deployment deployment = Deployment.start(Kind.chosen(), writer, SMALL)) {
            fill(deployment);
            before = answers(deployment);
            written = deployment.store();
            if (kill) {
                deployment.killBroker();
            } else {
                deployment.stopBroker();
            }
        }
        assertTrue(before.size() > 300, "the journey left " + before.size() + " answers");

        Map<String, String> settings = new TreeMap<>(SMALL);
        settings.put("storePathRootDir", written.toString());
        settings.put("storePathCommitLog", written.resolve("commitlog").toString());
        try (Deployment deployment = Deployment.start(Kind.chosen(), reader, settings)) {
            assertEquals(String.join("\n", lines(before)), String.join("\n", lines(answers(deployment))));
            DefaultMQProducer producer = Clients.producer(deployment, "ExchangeAfter");
            long next = Long.parseLong(before.get("max ExchangeTopic 1"));
            var result = producer.send(Clients.message("ExchangeTopic", "TagA", "after", "after the exchange"),
                new MessageQueue("ExchangeTopic", "broker-a", 1));
            assertEquals(next, result.getQueueOffset(), "offsets go on without gap or repeat");
            producer.shutdown();
        }
    }

    private static List<String> lines(Map<String, String> answers) {
        List<String> lines = new ArrayList<>();
        answers.forEach((question, answer) -> lines.add(question + " = " + answer));
        return lines;
    }

    private static void fill(Deployment deployment) throws Exception {
        Mqadmin.run(deployment, "updateTopic", "-c", "DefaultCluster", "-t", "ExchangeTopic", "-r", "3", "-w", "3");
        DefaultMQProducer producer = Clients.producer(deployment, "Exchange");
        Peers.await("a route", 90, () -> {
            try {
                return producer.fetchPublishMessageQueues("ExchangeTopic").size() == 3;
            } catch (Exception notYet) {
                return false;
            }
        });
        for (int i = 0; i < 300; i++) {
            producer.send(Clients.message("ExchangeTopic", "Tag" + i % 5, "exchange" + i + " shared" + i % 10,
                ("body " + i + " ").repeat(1 + i % 120)), new MessageQueue("ExchangeTopic", "broker-a", i % 3));
        }
        producer.send(Clients.message("ExchangeTopic", "Large", "large", "large ".repeat(5_000)),
            new MessageQueue("ExchangeTopic", "broker-a", 0));
        producer.shutdown();
    }

    /** What a broker tells about the topic: every message of every queue, key queries, ids. */
    private static Map<String, String> answers(Deployment deployment) throws Exception {
        Map<String, String> answers = new TreeMap<>();
        DefaultMQPullConsumer consumer = new DefaultMQPullConsumer("ExchangeReader");
        consumer.setNamesrvAddr(deployment.nameServerAddress());
        consumer.setInstanceName("reader-" + System.nanoTime());
        consumer.start();
        DefaultMQAdminExt admin = Clients.admin(deployment.nameServerAddress());
        Peers.await("a route", 90, () -> {
            try {
                return consumer.fetchSubscribeMessageQueues("ExchangeTopic").size() == 3;
            } catch (Exception notYet) {
                return false;
            }
        });
        for (MessageQueue queue : consumer.fetchSubscribeMessageQueues("ExchangeTopic")) {
            long max = consumer.maxOffset(queue);
            answers.put("min ExchangeTopic " + queue.getQueueId(), Long.toString(consumer.minOffset(queue)));
            answers.put("max ExchangeTopic " + queue.getQueueId(), Long.toString(max));
            long offset = 0;
            while (offset < max) {
                PullResult result = consumer.pull(queue, "*", offset, 32);
                for (MessageExt message : result.getMsgFoundList() == null ? List.<MessageExt>of() : result.getMsgFoundList()) {
                    answers.put(String.format("message %d %05d", queue.getQueueId(), message.getQueueOffset()),
                        message.getCommitLogOffset() + " " + message.getTags() + " " + message.getKeys() + " "
                            + message.getStoreTimestamp() + " " + message.getBornHost() + " "
                            + Clients.text(message.getBody()).hashCode());
                }
                assertTrue(result.getNextBeginOffset() > offset, "a pull moves on: " + result);
                offset = result.getNextBeginOffset();
            }
        }
        for (int i = 0; i < 10; i++) {
            String key = "shared" + i;
            Peers.await("the index holds " + key, 90, () -> found(admin, key) == 30);
            answers.put("query " + key, Long.toString(found(admin, key)));
        }
        admin.shutdown();
        consumer.shutdown();
        return answers;
    }

    private static long found(DefaultMQAdminExt admin, String key) {
        try {
            return admin.queryMessage("ExchangeTopic", key, 64, 0, Long.MAX_VALUE).getMessageList().size();
        } catch (Exception none) {
            return 0;
        }
    }
}
