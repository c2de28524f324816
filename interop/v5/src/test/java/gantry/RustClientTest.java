package gantry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.alibaba.fastjson2.JSONArray;
import com.alibaba.fastjson2.JSONObject;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.stream.IntStream;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Our own client against Apache's servers and ours, with the official client as the other end. */
class RustClientTest {
    /** Longer than what either client compresses from on. */
    private static final String LARGE = "gantry ".repeat(3_000);
    private static final Map<Kind, Side> SIDES = new EnumMap<>(Kind.class);

    /** A deployment and the official clients that look at it. */
    private record Side(Deployment at, DefaultMQProducer producer, DefaultMQPullConsumer reader,
        DefaultMQAdminExt admin) {
        void send(String topic, int from, int count) throws Exception {
            for (int i = from; i < from + count; i++) {
                producer.send(Clients.message(topic, "TagA", "key" + i, topic + " " + i));
            }
        }
    }

    private static Side at(Kind kind) throws Exception {
        if (!SIDES.containsKey(kind)) {
            Deployment at = Deployment.start(kind, Map.of());
            DefaultMQPullConsumer reader = new DefaultMQPullConsumer("RustClientTestReader");
            reader.setNamesrvAddr(at.nameServerAddress());
            reader.setInstanceName("reader-" + kind);
            reader.start();
            SIDES.put(kind, new Side(at, Clients.producer(at, "RustClientTest"), reader,
                Clients.admin(at.nameServerAddress())));
        }
        return SIDES.get(kind);
    }

    @AfterAll
    static void stop() {
        for (Side side : SIDES.values()) {
            side.producer().shutdown();
            side.reader().shutdown();
            side.admin().shutdown();
            side.at().close();
        }
    }

    @ParameterizedTest
    @CsvSource({"APACHE,sync", "APACHE,async", "APACHE,oneway", "APACHE,batch", "APACHE,chosen", "APACHE,key",
        "GANTRY,sync", "GANTRY,async", "GANTRY,oneway", "GANTRY,batch", "GANTRY,chosen", "GANTRY,key"})
    void whatRustSendsJavaReads(Kind kind, String way) throws Exception {
        Side side = at(kind);
        String topic = "Rust-" + way;
        List<JSONObject> input = new ArrayList<>();
        for (int i = 0; i < 24; i++) {
            input.add(line("тело " + way + " " + i, i % 2 == 0 ? "TagA" : "标签", List.of("key" + i % 6, "shared"),
                Map.of("shape", "round", "имя", "значение " + i)));
        }
        List<JSONObject> sent = RustClient.run(side.at(), input, "send", "RustProducer", topic, "--way", way);

        Map<String, MessageExt> read = new TreeMap<>();
        Peers.await("24 messages", 90, () -> {
            read(side, topic).forEach(message -> read.put(Clients.text(message.getBody()), message));
            return read.size() == 24;
        });
        for (JSONObject wanted : input) {
            MessageExt found = read.get(wanted.getString("body"));
            assertEquals(wanted.getString("tags"), found.getTags());
            assertEquals(String.join(" ", wanted.getList("keys", String.class)), found.getKeys());
            wanted.getJSONObject("properties").forEach((name, value) ->
                assertEquals(value, found.getUserProperty(name), name));
        }
        assertEquals(24, read(side, topic).size(), "none twice");
        checkResults(side, way, topic, sent, read);
    }

    private static void checkResults(Side side, String way, String topic, List<JSONObject> sent,
        Map<String, MessageExt> read) throws Exception {
        switch (way) {
            case "oneway" -> assertEquals(List.of(), sent);
            case "batch" -> {
                assertEquals(1, sent.size());
                assertEquals(24, sent.get(0).getString("messageId").split(",").length);
                Set<String> ids = new TreeSet<>(List.of(sent.get(0).getString("offsetMessageId").split(",")));
                Set<String> stored = new TreeSet<>();
                read.values().forEach(message -> stored.add(message.getMsgId()));
                assertEquals(stored.size(), ids.size());
            }
            default -> {
                assertEquals(24, sent.size());
                for (JSONObject result : sent) {
                    assertEquals("SendOk", result.getString("status"));
                    MessageExt byId = side.admin().viewMessage(topic, result.getString("offsetMessageId"));
                    assertEquals(result.getIntValue("queueId"), byId.getQueueId());
                    assertEquals(result.getLongValue("queueOffset"), byId.getQueueOffset());
                    assertEquals(result.getString("messageId"), byId.getProperty("UNIQ_KEY"));
                }
            }
        }
        if (way.equals("chosen")) {
            for (int i = 0; i < 24; i++) {
                assertEquals(i % 4, sent.get(i).getIntValue("queueId"));
            }
        }
        if (way.equals("key")) {
            for (int i = 0; i < 24; i++) {
                int queue = side.producer().send(Clients.message("Java-key", "TagA", "", "body"),
                    new SelectMessageQueueByHash(), "key" + i % 6 + " shared").getMessageQueue().getQueueId();
                assertEquals(queue, sent.get(i).getIntValue("queueId"), "the queue that Java gives this key");
            }
        }
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void aBodyThatRustCompressesJavaReadsWhole(Kind kind) throws Exception {
        Side side = at(kind);
        List<JSONObject> sent = RustClient.run(side.at(), List.of(line(LARGE, "TagA", List.of("large"), Map.of())),
            "send", "RustProducer", "RustLarge");
        MessageExt found = side.admin().viewMessage("RustLarge", sent.get(0).getString("offsetMessageId"));
        assertTrue(found.getStoreSize() < LARGE.length() / 10, "stored as " + found.getStoreSize() + " bytes");
        assertEquals(LARGE, Clients.text(found.getBody()));
        assertEquals(List.of(LARGE), read(side, "RustLarge").stream().map(one -> Clients.text(one.getBody())).toList());
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void aDelayThatRustAsksForIsKept(Kind kind) throws Exception {
        Side side = at(kind);
        JSONObject late = line("late", "TagA", List.of("late"), Map.of());
        late.put("delay_level", 3);
        RustClient.run(side.at(), List.of(late), "send", "RustProducer", "RustDelay");
        Peers.await("the late message", 90, () -> read(side, "RustDelay").size() == 1);
        MessageExt found = read(side, "RustDelay").get(0);
        long waited = found.getStoreTimestamp() - found.getBornTimestamp();
        assertTrue(900 <= waited, "delivered after " + waited + " ms of one second");
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void whatJavaSendsRustPullsAndCommits(Kind kind) throws Exception {
        Side side = at(kind);
        Map<String, Message> sent = new TreeMap<>();
        for (int i = 0; i < 50; i++) {
            String body = i == 7 ? LARGE : "正文 " + i;
            Message message = Clients.message("JavaPull", i % 2 == 0 ? "TagA" : "标签", "key" + i + " shared", body);
            message.putUserProperty("имя", "значение " + i);
            sent.put(body, message);
            side.producer().send(message);
        }
        List<JSONObject> pulled = RustClient.run(side.at(), List.of(), "pull", "RustPull", "JavaPull");
        assertEquals(50, pulled.size());
        for (JSONObject found : pulled) {
            Message wanted = sent.get(found.getString("body"));
            assertEquals(wanted.getTags(), found.getString("tags"));
            assertEquals(wanted.getKeys(), String.join(" ", found.getList("keys", String.class)));
            assertEquals(wanted.getUserProperty("имя"), found.getJSONObject("properties").getString("имя"));
            assertEquals(wanted.getProperty("UNIQ_KEY"), found.getString("messageId"));
        }
        assertEquals(List.of(), RustClient.run(side.at(), List.of(), "pull", "RustPull", "JavaPull"), "all committed");
        // They ask for the route of the retry topic first, and the name server may not have heard of it yet.
        Peers.await("every queue committed to its end, as the tools see it", 90, () -> {
            try {
                var table = side.admin().examineConsumeStats("RustPull").getOffsetTable();
                return table.size() == 4 && table.values().stream()
                    .allMatch(progress -> progress.getBrokerOffset() == progress.getConsumerOffset());
            } catch (Exception notYet) {
                return false;
            }
        });
        List<JSONObject> tagged = RustClient.run(side.at(), List.of(), "pull", "RustTagged", "JavaPull",
            "--tags", "标签 || TagC");
        assertEquals(25, tagged.size());
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void threeRustMembersShareTheQueues(Kind kind) throws Exception {
        Side side = at(kind);
        side.send("RustShared", 0, 100);
        List<RustClient> group = new ArrayList<>();
        try {
            for (int i = 0; i < 3; i++) {
                group.add(RustClient.start(side.at(), "push", "RustSharedGroup", "RustShared"));
            }
            Peers.await("queues shared out among three", 60, () -> areShared(group, "RustShared"));
            assertEquals(3, side.admin().examineConsumerConnectionInfo("RustSharedGroup").getConnectionSet().size());
            Peers.await("100 messages", 60, () -> bodies(group).size() == 100);
            side.send("RustShared", 100, 100);
            Peers.await("100 more", 60, () -> bodies(group).size() == 200);
            for (RustClient member : group) {
                assertTrue(member.bodies().stream().anyMatch(body -> 100 <= number(body)), "everyone got a share");
            }
            group.remove(0).close();
            Peers.await("queues shared out among two", 60, () -> areShared(group, "RustShared"));
            side.send("RustShared", 200, 50);
            Peers.await("50 after one left", 60,
                () -> bodies(group).stream().filter(body -> 200 <= number(body)).count() == 50);
        } finally {
            group.forEach(RustClient::close);
        }
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void aJavaAndARustMemberShareOneGroup(Kind kind) throws Exception {
        Side side = at(kind);
        side.send("RustMixed", 0, 1);
        ConcurrentLinkedQueue<String> javas = new ConcurrentLinkedQueue<>();
        DefaultMQPushConsumer java = Clients.consumer(side.at().nameServerAddress(), "RustMixedGroup");
        java.subscribe("RustMixed", "*");
        java.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(message -> javas.add(Clients.text(message.getBody())));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        try (RustClient rust = RustClient.start(side.at(), "push", "RustMixedGroup", "RustMixed")) {
            try {
                java.start();
                Peers.await("two queues for Rust", 60, () -> rust.queues("RustMixed").size() == 2);
                side.send("RustMixed", 1, 80);
                Peers.await("80 messages", 60, () -> {
                    TreeSet<String> all = new TreeSet<>(javas);
                    all.addAll(rust.bodies());
                    return all.size() == 81;
                });
                assertTrue(javas.stream().anyMatch(body -> 0 < number(body)), "Java got a share");
                assertTrue(rust.bodies().stream().anyMatch(body -> 0 < number(body)), "Rust got a share");
            } finally {
                java.shutdown();
            }
            Peers.await("all queues for Rust", 60, () -> rust.queues("RustMixed").size() == 4);
            side.send("RustMixed", 81, 20);
            Peers.await("20 more", 60, () -> rust.bodies().stream().filter(body -> 81 <= number(body)).count() >= 20);
        }
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void aRefusedMessageComesAgainAndThenIsADeadLetter(Kind kind) throws Exception {
        Side side = at(kind);
        side.send("RustRetry", 0, 4);
        try (RustClient rust = RustClient.start(side.at(), "push", "RustRetryGroup", "RustRetry",
            "--max-reconsume-times", "2", "--refuse", "RustRetry 2")) {
            Peers.await("a dead letter", 90, () -> read(side, "%DLQ%RustRetryGroup").size() == 1);
            List<JSONObject> attempts = rust.messages().stream()
                .filter(message -> message.getString("body").equals("RustRetry 2")).toList();
            assertEquals(List.of(0, 1, 2),
                attempts.stream().map(message -> message.getIntValue("reconsumeTimes")).toList());
            assertEquals(Set.of("RustRetry"), new TreeSet<>(
                attempts.stream().map(message -> message.getString("topic")).toList()), "the topic it was sent to");
            assertEquals(4 + 2, rust.messages().size());
            MessageExt dead = read(side, "%DLQ%RustRetryGroup").get(0);
            assertEquals("RustRetry 2", Clients.text(dead.getBody()));
            assertEquals("key2", dead.getKeys());
            assertEquals("RustRetry", dead.getProperty("RETRY_TOPIC"));
        }
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void javaGoesOnWhereRustsLitePullCommitted(Kind kind) throws Exception {
        Side side = at(kind);
        side.send("RustLite", 0, 40);
        List<JSONObject> lines = RustClient.run(side.at(), List.of(), "lite", "RustLiteGroup", "RustLite",
            "--count", "40");
        List<String> polled = lines.stream().filter(line -> line.getString("event").equals("message"))
            .map(message -> message.getString("body")).toList();
        assertEquals(bodies("RustLite", 0, 40), new TreeSet<>(polled));
        assertEquals(40, polled.size());
        side.send("RustLite", 40, 10);
        ConcurrentLinkedQueue<String> rest = new ConcurrentLinkedQueue<>();
        DefaultMQPushConsumer java = Clients.consumer(side.at().nameServerAddress(), "RustLiteGroup");
        java.subscribe("RustLite", "*");
        java.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            messages.forEach(message -> rest.add(Clients.text(message.getBody())));
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        java.start();
        try {
            Peers.await("the ten that Rust left", 60, () -> rest.size() >= 10);
            Peers.pause(500);
            assertEquals(bodies("RustLite", 40, 10), new TreeSet<>(rest));
            assertEquals(10, rest.size(), "nothing that Rust committed comes again");
        } finally {
            java.shutdown();
        }
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void broadcastingMembersKeepTheirOwnOffsets(Kind kind) throws Exception {
        Side side = at(kind);
        side.send("RustBroadcast", 0, 20);
        String[] first = broadcast(side, "first");
        try (RustClient one = RustClient.start(side.at(), "push", "RustBroadcastGroup", "RustBroadcast", first);
            RustClient two = RustClient.start(side.at(), "push", "RustBroadcastGroup", "RustBroadcast",
                broadcast(side, "second"))) {
            for (RustClient each : List.of(one, two)) {
                Peers.await("all 20 to each", 60, () -> each.bodies().size() == 20);
                assertEquals(bodies("RustBroadcast", 0, 20), new TreeSet<>(each.bodies()));
            }
            one.close();
            side.send("RustBroadcast", 20, 10);
            Peers.await("ten more to the second", 60, () -> two.bodies().size() == 30);
        }
        try (RustClient again = RustClient.start(side.at(), "push", "RustBroadcastGroup", "RustBroadcast", first)) {
            Peers.await("the ten that the first has missed", 60, () -> again.bodies().size() >= 10);
            Peers.pause(500);
            assertEquals(bodies("RustBroadcast", 20, 10), new TreeSet<>(again.bodies()));
            assertEquals(10, again.bodies().size());
        }
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void anOrderlyRustListenerSeesEachQueueInOrder(Kind kind) throws Exception {
        Side side = at(kind);
        side.send("RustOrder", 0, 4);
        for (int i = 4; i < 120; i++) {
            side.producer().send(Clients.message("RustOrder", "TagA", "key" + i, "RustOrder " + i),
                (queues, message, key) -> queues.get((Integer) key % queues.size()), i % 7);
        }
        try (RustClient rust = RustClient.start(side.at(), "push", "RustOrderGroup", "RustOrder", "--orderly")) {
            Peers.await("all 120", 60, () -> rust.bodies().size() >= 120);
            Map<Integer, List<Long>> offsets = new TreeMap<>();
            rust.messages().forEach(message -> offsets
                .computeIfAbsent(message.getInteger("queueId"), any -> new ArrayList<>())
                .add(message.getLong("queueOffset")));
            offsets.forEach((queue, seen) -> assertEquals(
                IntStream.range(0, seen.size()).mapToObj(Long::valueOf).toList(), seen, "queue " + queue));
        }
    }

    private static String[] broadcast(Side side, String name) {
        return new String[] {"--broadcasting", "--instance-name", name,
            "--offset-directory", side.at().directory().resolve("offsets").toString()};
    }

    private static JSONObject line(String body, String tags, List<String> keys, Map<String, String> properties) {
        JSONObject line = new JSONObject();
        line.put("body", body);
        line.put("tags", tags);
        line.put("keys", new JSONArray(keys));
        line.put("properties", new JSONObject(properties));
        return line;
    }

    /** Everything that lies in a topic, as the official client pulls it; nothing while there is no route. */
    private static List<MessageExt> read(Side side, String topic) {
        List<MessageExt> messages = new ArrayList<>();
        try {
            for (MessageQueue queue : side.reader().fetchSubscribeMessageQueues(topic)) {
                long offset = side.reader().minOffset(queue);
                while (offset < side.reader().maxOffset(queue)) {
                    PullResult result = side.reader().pull(queue, "*", offset, 32);
                    messages.addAll(result.getMsgFoundList() == null ? List.of() : result.getMsgFoundList());
                    assertTrue(offset < result.getNextBeginOffset(), "a pull moves on: " + result);
                    offset = result.getNextBeginOffset();
                }
            }
        } catch (Exception notYet) {
            return List.of();
        }
        return messages;
    }

    private static TreeSet<String> bodies(List<RustClient> group) {
        TreeSet<String> bodies = new TreeSet<>();
        group.forEach(member -> bodies.addAll(member.bodies()));
        return bodies;
    }

    private static TreeSet<String> bodies(String topic, int from, int count) {
        TreeSet<String> bodies = new TreeSet<>();
        IntStream.range(from, from + count).forEach(i -> bodies.add(topic + " " + i));
        return bodies;
    }

    private static int number(String body) {
        return Integer.parseInt(body.substring(body.lastIndexOf(' ') + 1));
    }

    /** Whether every member has a queue, and every one of the four queues one member. */
    private static boolean areShared(List<RustClient> group, String topic) {
        List<Integer> owned = new ArrayList<>();
        for (RustClient member : group) {
            if (member.queues(topic).isEmpty()) {
                return false;
            }
            owned.addAll(member.queues(topic));
        }
        Collections.sort(owned);
        return owned.equals(List.of(0, 1, 2, 3));
    }
}
